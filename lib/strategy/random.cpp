// Weighted random in O(1).
#include "base/random.hpp"

#include "strategy/stagger.hpp"
#include "strategy/strategies.hpp"
#include "strategy/weighted_draw.hpp"

namespace evenkeel::strategy {
namespace {

class WeightedRandom final : public Strategy {
 public:
  explicit WeightedRandom(const StrategyArgs& args) noexcept : random_(loop_random(args)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "random"; }

  void rebuild(std::span<const Candidate> candidates) override { draw_.rebuild(candidates); }

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    return draw_.draw(random_, context);
  }

 private:
  WeightedDraw draw_;
  base::Random random_;
};

}  // namespace

std::unique_ptr<Strategy> make_random(const StrategyArgs& args) {
  return std::make_unique<WeightedRandom>(args);
}

}  // namespace evenkeel::strategy
