// epoll, level-triggered, for load programs that must cost less than what they measure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/epoll.h>

#include "net/fd.hpp"

namespace evenkeel::bench {

class Epoll {
 public:
  Epoll() noexcept : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}

  // `index` comes back as data.u32 of each event. A descriptor leaves by being closed. False: errno tells.
  bool add(int fd, std::uint32_t events, std::uint32_t index) noexcept {
    return control(EPOLL_CTL_ADD, fd, events, index);
  }
  bool change(int fd, std::uint32_t events, std::uint32_t index) noexcept {
    return control(EPOLL_CTL_MOD, fd, events, index);
  }
  // Valid until the next call. `timeout_ms` as epoll_wait takes it.
  std::span<const epoll_event> wait(int timeout_ms) noexcept {
    const int count = ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
    return std::span(events_).first(static_cast<std::size_t>(std::max(count, 0)));
  }

 private:
  bool control(int what, int fd, std::uint32_t events, std::uint32_t index) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u32 = index;
    return ::epoll_ctl(fd_.get(), what, fd, &event) == 0;
  }

  net::Fd fd_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace evenkeel::bench
