// Two targets at random, and of these the one with the least work in flight for its weight.
#include "strategy/strategies.hpp"
#include "strategy/two_choices.hpp"

namespace evenkeel::strategy {
namespace {

// Nearly as even as "leastconn" at a cost that does not grow with the targets.
class P2c final : public Strategy {
 public:
  explicit P2c(const StrategyArgs& args) noexcept : choices_(args) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "p2c"; }

  void rebuild(std::span<const Candidate> candidates) override { choices_.rebuild(candidates); }

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    const TwoChoices::Pair pair = choices_.draw(context);
    const Candidate& first = choices_.candidates()[pair.first];
    const Candidate& second = choices_.candidates()[pair.second];
    // a/b < c/d by products: no division, no rounding, and 64 bits hold them.
    const std::uint64_t load_of_first = std::uint64_t{first.counters->in_flight()} * second.weight;
    const std::uint64_t load_of_second = std::uint64_t{second.counters->in_flight()} * first.weight;
    return load_of_second < load_of_first ? pair.second : pair.first;
  }

 private:
  TwoChoices choices_;
};

}  // namespace

std::unique_ptr<Strategy> make_p2c(const StrategyArgs& args) {
  return std::make_unique<P2c>(args);
}

}  // namespace evenkeel::strategy
