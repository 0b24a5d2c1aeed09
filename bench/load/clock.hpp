// Deadlines and a bounded rate, for load programs that stop by themselves.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <poll.h>
#include <span>

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

// Returns when one of `sockets` is readable or `until` has come. Finer than epoll_wait's milliseconds.
inline void wait_readable(std::span<pollfd> sockets, Clock::time_point until,
                          Clock::time_point now) noexcept {
  const auto left =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::max(until - now, Clock::duration(0)));
  const timespec timeout{.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000),
                         .tv_nsec = static_cast<long>(left.count() % 1'000'000'000)};
  ::ppoll(sockets.data(), sockets.size(), &timeout, nullptr);
}

// Things that are due one by one, a period apart. Who comes late catches up by `burst` at the most: more at
// once would measure how large the buffers of sockets are.
class Pacer {
 public:
  Pacer(std::uint64_t rate, std::uint64_t burst, Clock::time_point start) noexcept
      : period_(std::chrono::nanoseconds(1'000'000'000 / rate)),
        late_(period_ * static_cast<std::int64_t>(burst)),
        next_(start) {}

  // Whether one is due; if so it counts as done.
  bool take(Clock::time_point now) noexcept {
    if (next_ > now) return false;
    next_ = std::max(next_ + period_, now - late_);
    return true;
  }
  [[nodiscard]] Clock::time_point next() const noexcept { return next_; }

 private:
  Clock::duration period_;
  Clock::duration late_;
  Clock::time_point next_;
};

}  // namespace evenkeel::bench
