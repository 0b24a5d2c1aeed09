// How long a target takes to answer, as an average that rises at once and falls slowly.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "evenkeel/clock.hpp"

namespace evenkeel {

// Peak EWMA, as Finagle's load balancer of that name: a sample above the average becomes the average, one
// below it pulls it down by the time since the last sample (e^(-t/10 s)); and what is read fades in the same
// way, so that a target which was slow once and has had no work since is tried again.
//
// One sample a millisecond counts, apart from peaks: at high rates that is a fair choice of them.
//
// What waits for a target tells of it, too. While some work is there it fades at an eighth of that speed:
// else a target that hangs would look better the longer it hangs. It does fade: what is there may be a
// WebSocket, and would keep other work away for as long as it lasts.
//
// Thread rule: any. Relaxed, and without a lock: of two samples in the same instant one may be lost, which an
// average can bear. Its own 8 bytes.
class LatencyAverage {
 public:
  static constexpr std::chrono::milliseconds decay{10'000};

  // In microseconds; 0 when nothing was measured, or so long ago that nothing is left of it.
  [[nodiscard]] float at(TimePoint now, bool is_busy = false) const noexcept {
    const Value value = load();
    return value.micros * faded(since(value, now) / (is_busy ? 8U : 1U));
  }

  // Of more than 0.
  void observe(std::chrono::microseconds sample, TimePoint now) noexcept {
    const Value value = load();
    const auto micros = static_cast<float>(sample.count());
    store(micros > value.micros ? micros : blended(value, micros, now), now);
  }

  // Counts for the time since the last sample, and is no peak: among many others one such sample is little.
  void blend(std::chrono::microseconds sample, TimePoint now) noexcept {
    const Value value = load();
    const auto micros = static_cast<float>(sample.count());
    store(value.micros > 0 ? blended(value, micros, now) : micros, now);
  }

  // It takes so long at least: raises the average to that, and never lowers it.
  void at_least(std::chrono::microseconds bound, TimePoint now) noexcept {
    const auto micros = static_cast<float>(bound.count());
    if (micros > at(now)) store(std::max(micros, at(now, true)), now);
  }

 private:
  struct Value {
    float micros;
    std::uint32_t stamp;
  };

  [[nodiscard]] Value load() const noexcept {
    const std::uint64_t packed = packed_.load(std::memory_order_relaxed);
    return {std::bit_cast<float>(static_cast<std::uint32_t>(packed)),
            static_cast<std::uint32_t>(packed >> 32U)};
  }

  void store(float micros, TimePoint now) noexcept {
    packed_.store(std::uint64_t{stamp(now)} << 32U | std::bit_cast<std::uint32_t>(micros),
                  std::memory_order_relaxed);
  }

  static float blended(const Value& value, float micros, TimePoint now) noexcept {
    const float left = faded(since(value, now));
    return value.micros * left + micros * (1.0F - left);
  }

  // Milliseconds, of which 32 bits go round in 49 days.
  static std::uint32_t stamp(TimePoint now) noexcept {
    return static_cast<std::uint32_t>(
        std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count());
  }
  static std::uint32_t since(const Value& value, TimePoint now) noexcept {
    // Another loop's clock may be a little ahead; half a round ahead is long ago.
    constexpr std::uint32_t skew = 10'000;
    const std::uint32_t passed = stamp(now) - value.stamp;
    return passed > ~skew ? 0 : passed;
  }

  // e^-x. Of targets that have work x is small, and three terms are right to a millionth.
  static float faded(std::uint32_t milliseconds) noexcept {
    const float x = static_cast<float>(milliseconds) / static_cast<float>(decay.count());
    if (x < 0.05F) return 1.0F - x * (1.0F - x * (0.5F - x / 6.0F));
    return std::exp(-x);
  }

  std::atomic<std::uint64_t> packed_{0};
};

}  // namespace evenkeel
