// The first usable target in the order of the spec: one active, the others stand by.
#include "strategy/strategies.hpp"

namespace evenkeel::strategy {
namespace {

class First final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "first"; }

  void rebuild(std::span<const Candidate> candidates) override { candidates_ = candidates; }

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (!context.excludes(candidates_[i].key)) return i;
    }
    return 0;
  }

 private:
  std::span<const Candidate> candidates_;
};

}  // namespace

std::unique_ptr<Strategy> make_first(const StrategyArgs&) {
  return std::make_unique<First>();
}

}  // namespace evenkeel::strategy
