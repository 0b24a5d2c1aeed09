#include "strategy/weighted_draw.hpp"

#include <numeric>

namespace evenkeel::strategy {

void WeightedDraw::rebuild(std::span<const Candidate> candidates) {
  const std::size_t count = candidates.size();
  const double total = std::accumulate(candidates.begin(), candidates.end(), 0.0,
                                       [](double sum, const Candidate& c) { return sum + c.weight; });
  // Each target's share of the columns: 1 is the average.
  std::vector<double> share(count);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < count; ++i) {
    share[i] = candidates[i].weight * static_cast<double>(count) / total;
    (share[i] < 1.0 ? small : large).push_back(i);
  }

  // Whoever is left over when one list runs dry has a share of 1 up to rounding: a column for itself,
  // which is what every column is set to here. (2^32 - 1 of 2^32 is made whole by alias = itself.)
  candidates_ = candidates;
  columns_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) columns_[i] = {static_cast<std::uint32_t>(full - 1), i};
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    columns_[poor] = {static_cast<std::uint32_t>(share[poor] * static_cast<double>(full)), rich};
    share[rich] -= 1.0 - share[poor];
    if (share[rich] < 1.0) {
      large.pop_back();
      small.push_back(rich);
    }
  }
}

std::size_t WeightedDraw::draw_by_counting(base::Random& random, const PickContext& context) const noexcept {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates_) {
    if (!context.excludes(candidate.key)) total += candidate.weight;
  }
  auto left = static_cast<std::uint64_t>(random.unit() * static_cast<double>(total));
  std::size_t last = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (context.excludes(candidates_[i].key)) continue;
    last = i;
    if (left < candidates_[i].weight) break;
    left -= candidates_[i].weight;
  }
  return last;
}

}  // namespace evenkeel::strategy
