// What one target is doing right now and has done, counted by every loop of the process.
#pragma once

#include <atomic>
#include <cstdint>

#include "evenkeel/clock.hpp"
#include "evenkeel/latency.hpp"

namespace evenkeel {

// How the work of one Lease ended, as far as the target's health is concerned.
enum class Outcome : std::uint8_t {
  success,
  failure,  // refused, timed out, reset, or answered garbage: counts towards ejection
  neutral,  // the client went away or we gave up: says nothing about the target
};

// What a target has answered, as far as the time that it took is concerned.
enum class AnswerKind : std::uint8_t {
  good,
  error,  // a 5xx, say: may come sooner than any work is done, and is no sign of speed
};

// Thread rule: any thread may read; only a Lease writes. All accesses are relaxed: a reader sees
// each value atomically but no order between two of them. One cache line of its own, so that two
// loops working on two targets never share one.
class alignas(64) TargetCounters {
 public:
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return load(in_flight_); }
  [[nodiscard]] std::uint32_t consecutive_failures() const noexcept { return load(failing_); }
  [[nodiscard]] std::uint64_t requests() const noexcept { return load(requests_); }
  [[nodiscard]] std::uint64_t failures() const noexcept { return load(failures_); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return load(bytes_); }
  // The time to first byte as a peak-sensitive average, in microseconds; 0 before the first answer. Errors
  // and failures count as answers after a second, or later if they came later. Kept for strategies that look
  // at it, 0 otherwise. One that is busy is slower to be forgiven.
  [[nodiscard]] float latency_us(TimePoint now, bool is_busy = false) const noexcept {
    return latency_.at(now, is_busy);
  }

 private:
  friend class Lease;
  friend class TargetPool;

  template <class T>
  static T load(const std::atomic<T>& value) noexcept {
    return value.load(std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint32_t> failing_{0};      // consecutive failures; reset by a success
  std::atomic<std::uint32_t> eject_after_{0};  // consecutive failures that wake the monitor; 0 never
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> bytes_{0};
  LatencyAverage latency_;
};

}  // namespace evenkeel
