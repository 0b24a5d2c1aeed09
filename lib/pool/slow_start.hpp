// The weight of a target that has just come (back): a cold cache must not meet full load.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "evenkeel/clock.hpp"

namespace evenkeel::pool {

// Weights grow in tenths: fine enough for a target that warms up, and each step is one publication
// (a rebuild on every loop), so a smooth curve would only cost more.
class SlowStart {
 public:
  static constexpr std::uint32_t full = 10;

  explicit SlowStart(std::chrono::milliseconds window) noexcept : window_(window) {}

  // Tenths of the weight `since` that moment: max(10 %, t / window), rounded down.
  [[nodiscard]] std::uint32_t tenths(std::optional<TimePoint> since, TimePoint now) const noexcept;

  [[nodiscard]] bool enabled() const noexcept { return window_.count() > 0; }

 private:
  std::chrono::milliseconds window_;
};

}  // namespace evenkeel::pool
