// Deadlines and a bounded rate, for load programs that stop by themselves.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace evenkeel::bench {

using Clock = std::chrono::steady_clock;

// For epoll_wait and the like, rounded up: down would spin through the last millisecond.
inline int milliseconds_until(Clock::time_point time, Clock::time_point now) noexcept {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000));
}

inline double seconds_between(Clock::time_point from, Clock::time_point to) noexcept {
  return std::chrono::duration<double>(to - from).count();
}

// Things that are due one by one, a period apart. Who comes late catches up by two at the most: a longer
// burst would measure how large the buffers of sockets are.
class Pacer {
 public:
  Pacer(std::uint64_t rate, Clock::time_point start) noexcept
      : period_(std::chrono::nanoseconds(1'000'000'000 / rate)), next_(start) {}

  // Whether one is due; if so it counts as done.
  bool take(Clock::time_point now) noexcept {
    if (next_ > now) return false;
    next_ = std::max(next_ + period_, now - period_);
    return true;
  }
  [[nodiscard]] Clock::time_point next() const noexcept { return next_; }

 private:
  Clock::duration period_;
  Clock::time_point next_;
};

}  // namespace evenkeel::bench
