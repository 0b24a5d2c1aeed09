// What a target is expected to take, also when nothing is known of it.
#pragma once

#include <cstdint>

#include "evenkeel/counters.hpp"
#include "evenkeel/strategy.hpp"

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

// Of one more request: in microseconds, of work a unit of weight.
inline float expected_wait(const Candidate& candidate, TimePoint now) noexcept {
  const std::uint32_t in_flight = candidate.counters->in_flight();
  const float latency = expected_latency(*candidate.counters, in_flight, now);
  return latency * static_cast<float>(in_flight + 1) / static_cast<float>(candidate.weight);
}

}  // namespace evenkeel::strategy
