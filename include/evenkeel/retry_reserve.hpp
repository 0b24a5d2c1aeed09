// How many retries a port may make in any case, counted over all loops that serve it.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "evenkeel/clock.hpp"
#include "evenkeel/export.hpp"

namespace evenkeel {

// Of the retry budget (Finagle's RetryBudget) the part that requests do not earn: `per_second` * 10 retries
// over any 10 seconds, which may all come at once. What requests earn is each loop's own, because each counts
// its requests; the reserve is one, or a port would retry as many times more as it has loops.
class EVENKEEL_API RetryReserve {
 public:
  explicit RetryReserve(std::uint32_t per_second) noexcept : per_second_(per_second) {}
  RetryReserve(const RetryReserve&) = delete;
  RetryReserve& operator=(const RetryReserve&) = delete;

  // Any thread; a short lock, O(1). True: a retry is charged. Time is monotonic and the same on all loops;
  // when it goes backwards it stands still.
  [[nodiscard]] bool take(TimePoint now) noexcept;
  // Any thread. What was taken before goes on to count.
  void set_per_second(std::uint32_t per_second) noexcept;

 private:
  static constexpr std::size_t slots = 10;

  std::mutex mutex_;
  std::uint32_t per_second_;
  std::array<std::uint32_t, slots> taken_{};  // in each second
  std::uint64_t sum_ = 0;
  std::int64_t second_ = 0;  // of the newest slot
};

}  // namespace evenkeel
