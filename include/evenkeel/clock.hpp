// Time as an argument: nothing in the balancing core reads a clock by itself.
#pragma once

#include <chrono>

namespace evenkeel {

using TimePoint = std::chrono::steady_clock::time_point;

// Monotonic time. A test or a simulation hands in its own. now() is called from the loop that owns
// the object it was given to, and must not block.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

// CLOCK_MONOTONIC: a jump of the wall clock does not touch it.
class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }
};

}  // namespace evenkeel
