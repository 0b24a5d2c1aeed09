// What a target is expected to take, also when nothing is known of it.
#pragma once

#include <cstdint>

#include "evenkeel/counters.hpp"

namespace evenkeel::strategy {

// In microseconds. One that has never answered is worth a try when it has nothing to do. One that has, but
// has not answered yet, may be slow: until then it is slower than any other (Finagle's penalty), or a new
// target that hangs would draw everything.
inline float expected_latency(const TargetCounters& counters, std::uint32_t in_flight,
                              TimePoint now) noexcept {
  constexpr float unknown = 1e12F;  // eleven days; leaves room to multiply
  const float latency = counters.latency_us(now);
  return latency > 0 || in_flight == 0 ? latency : unknown;
}

}  // namespace evenkeel::strategy
