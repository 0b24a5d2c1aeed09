// Two targets at random, and of these the one that will answer sooner: peak EWMA, as in Finagle.
#include "strategy/strategies.hpp"
#include "strategy/two_choices.hpp"

namespace evenkeel::strategy {
namespace {

// Sees what counting cannot: a target that is slow, not busy. Each of its answers counts at once, and what
// waits for it counts as much as its answers take.
class Ewma final : public Strategy {
 public:
  explicit Ewma(const StrategyArgs& args) noexcept : choices_(args) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "ewma"; }
  [[nodiscard]] bool looks_at_latency() const noexcept override { return true; }

  void rebuild(std::span<const Candidate> candidates) override { choices_.rebuild(candidates); }

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    return choices_.sooner(choices_.draw(context), context.now);
  }

 private:
  TwoChoices choices_;
};

}  // namespace

std::unique_ptr<Strategy> make_ewma(const StrategyArgs& args) {
  return std::make_unique<Ewma>(args);
}

}  // namespace evenkeel::strategy
