// The rule of Prequal (Wydrowski and others, "Load is not what you should balance", 2024, arXiv 2312.10172,
// section 4) on what the process knows itself: of targets that are not hot, the one that answers soonest.
#include <algorithm>
#include <array>

#include "strategy/strategies.hpp"
#include "strategy/two_choices.hpp"

namespace evenkeel::strategy {
namespace {

// A target is hot when it has more in flight, for its weight, than most have had lately. The latencies of the
// others tell which of them has a neighbour that takes its processor away, which in-flight counts tell late.
//
// Prequal probes for both numbers, since each of its clients sees only its own requests, and its latencies
// are those of requests that found the target as busy as it is now. Here counts are of the whole process and
// of this moment, and latencies are averages: without what waits for a target now, all work would run to the
// one with the best average until that is hot, and the others would idle.
class HotCold final : public Strategy {
 public:
  explicit HotCold(const StrategyArgs& args) noexcept : choices_(args) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "hotcold"; }
  [[nodiscard]] bool looks_at_latency() const noexcept override { return true; }

  void rebuild(std::span<const Candidate> candidates) override {
    choices_.rebuild(candidates);
    // What others had says little of these.
    next_ = 0;
    hot_above_ = least_hot;
  }

  // O(1).
  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    const TwoChoices::Pair pair = choices_.draw(context);
    const float first = choices_.load(pair.first);
    const float second = choices_.load(pair.second);
    const float hot_above = hot_above_;
    remember(first);
    if (first > hot_above || second > hot_above) return second < first ? pair.second : pair.first;
    return choices_.sooner(pair, context.now);
  }

 private:
  void remember(float load) noexcept;

  TwoChoices choices_;
  // The loads of targets as they came by, one a pick, and what nearly all of them were below.
  std::array<float, 64> recent_{};
  std::size_t next_ = 0;
  // When nearly all are idle, one that is not is no worse for that.
  static constexpr float least_hot = 1;
  float hot_above_ = least_hot;
};

void HotCold::remember(float load) noexcept {
  recent_[next_] = load;
  if (++next_ < recent_.size()) return;
  next_ = 0;
  // The paper's 0.84; of few targets that would be the busiest alone.
  constexpr std::size_t few = 8;
  const double quantile = choices_.candidates().size() <= few ? 0.6 : 0.84;
  auto sorted = recent_;
  auto* const at =
      sorted.begin() + static_cast<std::ptrdiff_t>(quantile * static_cast<double>(sorted.size()));
  std::nth_element(sorted.begin(), at, sorted.end());
  hot_above_ = std::max(*at, least_hot);
}

}  // namespace

std::unique_ptr<Strategy> make_hotcold(const StrategyArgs& args) {
  return std::make_unique<HotCold>(args);
}

}  // namespace evenkeel::strategy
