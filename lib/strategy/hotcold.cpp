// The rule of Prequal (Wydrowski and others, "Load is not what you should balance", 2024, arXiv 2312.10172,
// section 4) on what the process knows itself: of targets that are not hot, the one that answers soonest.
#include <algorithm>
#include <array>

#include "base/random.hpp"
#include "strategy/expected_latency.hpp"
#include "strategy/stagger.hpp"
#include "strategy/strategies.hpp"
#include "strategy/weighted_draw.hpp"

namespace evenkeel::strategy {
namespace {

// A target is hot when it has more in flight, for its weight, than most have had lately. The latencies of the
// others tell which of them has a neighbour that takes its processor away, which in-flight counts tell late.
// Prequal probes for both numbers, since each of its clients sees only its own requests; here counts are of
// the whole process and of this moment.
class HotCold final : public Strategy {
 public:
  explicit HotCold(const StrategyArgs& args) noexcept : random_(loop_random(args)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "hotcold"; }
  [[nodiscard]] bool looks_at_latency() const noexcept override { return true; }

  void rebuild(std::span<const Candidate> candidates) override { draw_.rebuild(candidates); }

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override;

 private:
  // All of few targets are looked at, and a choice of many.
  static constexpr std::size_t few = 8;
  static constexpr int looks = 4;

  struct Best {
    std::size_t index = 0;
    bool found = false;
    bool is_cold = false;
    float load = 0;
    float latency = 0;
  };

  float look_at(std::size_t index, const PickContext& context, Best& best) const noexcept;
  void remember(float load) noexcept;

  WeightedDraw draw_;
  base::Random random_;
  // The loads of targets as they came by, one a pick, and what nearly all of them were below.
  std::array<float, 64> recent_{};
  std::size_t next_ = 0;
  float hot_above_ = 0;
};

// O(1).
std::size_t HotCold::pick(const PickContext& context) noexcept {
  const auto count = static_cast<std::uint32_t>(draw_.candidates().size());
  Best best;
  if (count <= few) {
    // Equal ones take turns by chance.
    std::size_t at = random_.below(count);
    remember(look_at(at, context, best));
    for (std::uint32_t seen = 1; seen < count; ++seen) {
      at = at + 1 == count ? 0 : at + 1;
      look_at(at, context, best);
    }
    return best.index;
  }
  remember(look_at(draw_.draw(random_), context, best));
  for (int look = 1; look < looks; ++look) look_at(draw_.draw(random_), context, best);
  return best.found ? best.index : draw_.draw(random_, context);
}

// The load of the target; it becomes the best when it is better.
float HotCold::look_at(std::size_t index, const PickContext& context, Best& best) const noexcept {
  const Candidate& candidate = draw_.candidates()[index];
  const std::uint32_t in_flight = candidate.counters->in_flight();
  const float load = static_cast<float>(in_flight) / static_cast<float>(candidate.weight);
  if (context.excludes(candidate.key)) return load;
  const bool is_cold = load <= hot_above_;
  const float latency = is_cold ? expected_latency(*candidate.counters, in_flight, context.now) *
                                      static_cast<float>(in_flight + 1) / static_cast<float>(candidate.weight)
                                : 0;
  const bool is_better = !best.found || (is_cold != best.is_cold ? is_cold
                                         : is_cold               ? latency < best.latency
                                                                 : load < best.load);
  if (is_better) best = {index, true, is_cold, load, latency};
  return load;
}

void HotCold::remember(float load) noexcept {
  recent_[next_] = load;
  if (++next_ < recent_.size()) return;
  next_ = 0;
  // The paper's 0.84; of few targets that would be the busiest alone.
  const double quantile = draw_.candidates().size() <= few ? 0.6 : 0.84;
  auto sorted = recent_;
  auto* const at =
      sorted.begin() + static_cast<std::ptrdiff_t>(quantile * static_cast<double>(sorted.size()));
  std::nth_element(sorted.begin(), at, sorted.end());
  hot_above_ = *at;
}

}  // namespace

std::unique_ptr<Strategy> make_hotcold(const StrategyArgs& args) {
  return std::make_unique<HotCold>(args);
}

}  // namespace evenkeel::strategy
