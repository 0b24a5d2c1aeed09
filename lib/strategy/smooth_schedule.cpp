#include "strategy/smooth_schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace evenkeel::strategy {
namespace {

// Credits carried over from other weights are rounded to 1 / 2^40 of a pick, or a few million rebuilds
// would add up to something. A common factor changes no comparison.
constexpr std::int64_t finest_total = std::int64_t{1} << 40;

}  // namespace

bool SmoothSchedule::fits(std::span<const Candidate> candidates) {
  std::array<std::uint32_t, max_classes> seen{};
  std::size_t count = 0;
  for (const Candidate& candidate : candidates) {
    const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(seen.begin(), end, candidate.weight) != end) continue;
    if (count == max_classes) return false;
    seen[count++] = candidate.weight;
  }
  return true;
}

void SmoothSchedule::reset(std::span<const Candidate> candidates, std::span<const double> credits) {
  const std::int64_t weights =
      std::accumulate(candidates.begin(), candidates.end(), std::int64_t{0},
                      [](std::int64_t sum, const Candidate& c) { return sum + c.weight; });
  scale_ = std::max<std::int64_t>(1, finest_total / weights);
  total_ = weights * scale_;

  std::vector<std::int64_t> owed(candidates.size());
  std::ranges::transform(credits, owed.begin(),
                         [this](double picks) { return std::llround(picks * static_cast<double>(total_)); });
  std::vector<std::uint32_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    if (candidates[a].weight != candidates[b].weight) return candidates[a].weight > candidates[b].weight;
    if (owed[a] != owed[b]) return owed[a] > owed[b];
    return a < b;
  });

  classes_.clear();
  slots_.clear();
  slots_.reserve(order.size());
  for (auto from = order.begin(); from != order.end();) {
    const auto to = std::find_if(
        from, order.end(), [&](std::uint32_t i) { return candidates[i].weight != candidates[*from].weight; });
    add_class({from, to}, candidates, owed);
    from = to;
  }
}

// `members` in the order of their credits, the largest first.
void SmoothSchedule::add_class(std::span<const std::uint32_t> members, std::span<const Candidate> candidates,
                               std::span<const std::int64_t> credits) {
  const std::int64_t top = credits[members.front()];
  // A rotation cannot hold one that owes more than a whole pick to the first of its class. Those who
  // stayed in the class never do; one that came back, or changed its weight, is let off the rest.
  const auto credit = [&](std::uint32_t member) { return std::max(credits[member], top - total_); };

  const auto begin = static_cast<std::uint32_t>(slots_.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const bool last = i + 1 == members.size();
    const std::int64_t following = last ? top - total_ : credit(members[i + 1]);
    slots_.push_back({credit(members[i]) - following, members[i], candidates[members[i]].key});
  }
  classes_.push_back({top, candidates[members.front()].weight * scale_, begin,
                      static_cast<std::uint32_t>(slots_.size()), begin});
}

void SmoothSchedule::credits(std::span<double> out) const {
  for (const Class& c : classes_) {
    std::int64_t credit = c.credit;
    std::uint32_t slot = c.cursor;
    do {
      out[slots_[slot].index] = static_cast<double>(credit) / static_cast<double>(total_);
      credit -= slots_[slot].gap;
      slot = next(c, slot);
    } while (slot != c.cursor);
  }
}

// The head pays the total: it goes to the end of the rotation, and the next one is the head.
std::size_t SmoothSchedule::take(Class& c) noexcept {
  const Slot& slot = slots_[c.cursor];
  c.credit -= slot.gap;
  c.cursor = next(c, c.cursor);
  return slot.index;
}

std::size_t SmoothSchedule::pick(const PickContext& context) noexcept {
  if (!context.exclude.empty()) [[unlikely]]
    return pick_excluding(context);
  Class* best = classes_.data();
  best->credit += best->weight;
  for (std::size_t i = 1; i < classes_.size(); ++i) {
    Class& c = classes_[i];
    c.credit += c.weight;
    if (c.credit > best->credit || (c.credit == best->credit && first_of_equals(c, *best))) best = &c;
  }
  return take(*best);
}

// An excluded head changes places with the first of its class that is allowed: that one's turn comes
// early, and the excluded target has its turn next rather than losing it. False: all are excluded.
bool SmoothSchedule::bring_allowed_forward(Class& c, const PickContext& context) noexcept {
  std::uint32_t slot = c.cursor;
  while (context.excludes(slots_[slot].key)) {
    slot = next(c, slot);
    if (slot == c.cursor) return false;
  }
  std::swap(slots_[c.cursor].index, slots_[slot].index);
  std::swap(slots_[c.cursor].key, slots_[slot].key);
  return true;
}

// A class that is excluded as a whole stands still (as nginx does it), and the others share the pick
// by their weights. Were it to go on growing, an embedder that excludes the same target for ever
// would pile up a credit without end, to be paid in one burst.
std::size_t SmoothSchedule::pick_excluding(const PickContext& context) noexcept {
  std::uint32_t allowed = 0;  // one bit a class
  static_assert(max_classes <= 32);
  std::int64_t weight = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    Class& c = classes_[i];
    if (!bring_allowed_forward(c, context)) continue;
    allowed |= 1U << i;
    weight += c.weight * (c.end - c.begin);
  }
  if (allowed == 0) return take(classes_.front());  // the caller broke its promise

  const double growth = static_cast<double>(total_) / static_cast<double>(weight);
  Class* best = nullptr;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    Class& c = classes_[i];
    if ((allowed >> i & 1U) == 0) continue;
    c.credit += weight == total_ ? c.weight : std::llround(static_cast<double>(c.weight) * growth);
    if (best == nullptr || c.credit > best->credit) best = &c;
  }
  return take(*best);
}

}  // namespace evenkeel::strategy
