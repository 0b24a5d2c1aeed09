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
  const float latency = counters.latency_us(now, in_flight != 0);
  return latency > 0 || in_flight == 0 ? latency : unknown;
}

// Of one more request, in microseconds: it takes its time, and what is in flight for the target's share of
// the work (1 is that of an average target) comes before it. To divide the one more by the share, too, would
// give nothing to a small one while a large one is hardly busy.
inline float expected_wait(const Candidate& candidate, float mean_weight, TimePoint now) noexcept {
  const std::uint32_t in_flight = candidate.counters->in_flight();
  const float latency = expected_latency(*candidate.counters, in_flight, now);
  const float share = static_cast<float>(candidate.weight) / mean_weight;
  return latency * (static_cast<float>(in_flight) / share + 1);
}

}  // namespace evenkeel::strategy
