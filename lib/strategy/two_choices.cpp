#include "strategy/two_choices.hpp"

#include <algorithm>

namespace evenkeel::strategy {

void TwoChoices::rebuild(std::span<const Candidate> candidates) {
  draw_.rebuild(candidates);
  equal_weights_ = std::ranges::all_of(
      candidates, [&](const Candidate& c) { return c.weight == candidates.front().weight; });
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  mean_weight_ = static_cast<float>(sum / static_cast<double>(candidates.size()));
}

TwoChoices::Pair TwoChoices::draw_by_weight(const PickContext& context) noexcept {
  const std::span<const Candidate> all = candidates();
  const std::size_t first = draw_.draw(random_, context);
  // One that holds nearly all the weight comes up again and again; then any other will do.
  constexpr int draws = 4;
  for (int i = 0; i < draws; ++i) {
    const std::size_t second = draw_.draw(random_);
    if (second != first && !context.excludes(all[second].key)) return {first, second};
  }
  const auto count = static_cast<std::uint32_t>(all.size());
  std::size_t second = random_.below(count);
  for (std::uint32_t seen = 0; seen < count; ++seen, second = second + 1 == count ? 0 : second + 1) {
    if (second != first && !context.excludes(all[second].key)) return {first, second};
  }
  return {first, first};
}

}  // namespace evenkeel::strategy
