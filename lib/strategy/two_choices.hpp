// Two different candidates at random, for strategies that take the better of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "evenkeel/strategy.hpp"

#include "base/random.hpp"
#include "strategy/expected_latency.hpp"
#include "strategy/stagger.hpp"
#include "strategy/weighted_draw.hpp"

namespace evenkeel::strategy {

// Two looks are enough for the longest queue to grow with log log n, where one look lets it grow with
// log n / log log n; a third one changes a constant (Mitzenmacher, "The Power of Two Choices in Randomized
// Load Balancing", 2001). And many balancers that see the same old numbers do not all run to the same target.
class TwoChoices {
 public:
  struct Pair {
    std::size_t first;   // by weight: whoever takes it whenever the two are equal shares by weight
    std::size_t second;  // the same one when no other is left
  };

  explicit TwoChoices(const StrategyArgs& args) noexcept : random_(loop_random(args)) {}

  void rebuild(std::span<const Candidate> candidates);
  [[nodiscard]] std::span<const Candidate> candidates() const noexcept { return draw_.candidates(); }

  // What is in flight for its share of the work, 1 being that of an average target: whatever unit the weights
  // are in.
  [[nodiscard]] float load(std::size_t index) const noexcept {
    const Candidate& candidate = candidates()[index];
    return static_cast<float>(candidate.counters->in_flight()) * mean_weight_ /
           static_cast<float>(candidate.weight);
  }

  // The one of them that is expected to answer sooner. O(1).
  [[nodiscard]] std::size_t sooner(Pair pair, TimePoint now) const noexcept {
    const std::span<const Candidate> all = candidates();
    const float first = expected_wait(all[pair.first], mean_weight_, now);
    return expected_wait(all[pair.second], mean_weight_, now) < first ? pair.second : pair.first;
  }

  // O(1), but O(n) when nearly all the weight is excluded.
  Pair draw(const PickContext& context) noexcept {
    if (!equal_weights_ || !context.exclude.empty()) return draw_by_weight(context);
    // All pairs alike. To draw twice and take the neighbour when both are the same would favour neighbours.
    const auto count = static_cast<std::uint32_t>(candidates().size());
    const std::uint32_t first = random_.below(count);
    const std::uint32_t second = random_.below(count - 1);
    return {first, second + (second >= first ? 1U : 0U)};
  }

 private:
  Pair draw_by_weight(const PickContext& context) noexcept;

  WeightedDraw draw_;
  bool equal_weights_ = true;
  float mean_weight_ = 1;
  base::Random random_;
};

}  // namespace evenkeel::strategy
