#include "strategy/deadline_schedule.hpp"

namespace evenkeel::strategy {

void DeadlineSchedule::reset(std::span<const Candidate> candidates, std::span<const double> credits) {
  heap_.clear();
  heap_.reserve(candidates.size());
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    const double period = 1.0 / candidates[i].weight;
    heap_.push_back({(1.0 - credits[i]) * period, period, i, candidates[i].key});
  }
  for (std::size_t place = heap_.size() / 2; place-- > 0;) sift_down(place);
}

// A target's last deadline is how far it has been served; the virtual time is what they would all
// have been served until, had the picks been divided exactly.
void DeadlineSchedule::credits(std::span<double> out) const {
  double served = 0;
  double weights = 0;
  for (const Node& node : heap_) {
    served += node.deadline / node.period - 1.0;
    weights += 1.0 / node.period;
  }
  const double now = served / weights;
  for (const Node& node : heap_) out[node.index] = (now - node.deadline) / node.period + 1.0;
}

void DeadlineSchedule::sift_down(std::size_t place) noexcept {
  const Node node = heap_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(node)) break;
    heap_[place] = heap_[child];
    place = child;
  }
  heap_[place] = node;
}

std::size_t DeadlineSchedule::pick(const PickContext& context) noexcept {
  const std::size_t place = context.excludes(heap_.front().key) ? earliest_allowed(context) : 0;
  const std::size_t index = heap_[place].index;
  heap_[place].deadline += heap_[place].period;
  sift_down(place);
  return index;
}

std::size_t DeadlineSchedule::earliest_allowed(const PickContext& context) const noexcept {
  std::size_t best = heap_.size();
  for (std::size_t place = 0; place < heap_.size(); ++place) {
    if (context.excludes(heap_[place].key)) continue;
    if (best == heap_.size() || heap_[place].before(heap_[best])) best = place;
  }
  return best == heap_.size() ? 0 : best;
}

}  // namespace evenkeel::strategy
