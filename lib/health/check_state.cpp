#include "health/check_state.hpp"

#include <algorithm>

namespace evenkeel::health {

CheckState::CheckState(unsigned rise, unsigned fall) noexcept
    : rise_(std::max(rise, 1U)), fall_(std::max(fall, 1U)) {}

std::optional<Verdict> CheckState::record(bool passed, bool lagged) noexcept {
  if (!passed && lagged) return std::nullopt;
  const Verdict said = passed ? Verdict::up : Verdict::down;
  if (said == verdict_) {
    contrary_ = 0;
    return std::nullopt;
  }
  ++contrary_;
  if (verdict_ != Verdict::none && contrary_ < (passed ? rise_ : fall_)) return std::nullopt;
  contrary_ = 0;
  verdict_ = said;
  return verdict_;
}

}  // namespace evenkeel::health
