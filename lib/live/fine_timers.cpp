#include "live/fine_timers.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

namespace evenkeel::live {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

}  // namespace

Result<void> FineTimers::begin() {
  fd_ = net::Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!fd_) return std::unexpected(Error{ErrorCode::out_of_descriptors, Fault::us, false, errno});
  poll_ = net::make_handle<uv_poll_t>(uv_poll_init, loop_, fd_.get());
  if (!poll_) return std::unexpected(Error{ErrorCode::system, Fault::us, false, 0});
  poll_->data = this;
  uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* poll, int, int) {
    if (poll->data != nullptr) static_cast<FineTimers*>(poll->data)->happen();
  });
  begun_ns_ = uv_hrtime();
  arm();
  return {};
}

void FineTimers::end() {
  poll_.reset();
  fd_.reset();
}

sim::Nanos FineTimers::elapsed() const noexcept {
  return sim::Nanos(static_cast<sim::Nanos::rep>(uv_hrtime() - begun_ns_));
}

void FineTimers::add(sim::Nanos at, std::function<void()> what) {
  agenda_.add(at, std::move(what));
  if (agenda_.next() < armed_) arm();
}

void FineTimers::happen() {
  std::uint64_t ticks = 0;
  (void)!::read(fd_.get(), &ticks, sizeof ticks);
  // All at once would let sockets wait while one thing after the other comes due.
  constexpr int at_once = 64;
  for (int i = 0; i < at_once && poll_ && agenda_.next() <= elapsed(); ++i) agenda_.take()();
  if (poll_) arm();
}

void FineTimers::arm() {
  if (!poll_) return;
  armed_ = agenda_.next();
  if (armed_ == sim::Nanos::max()) return;
  const std::int64_t wait = std::max<std::int64_t>((armed_ - elapsed()).count(), 1);
  itimerspec times{};
  times.it_value.tv_sec = static_cast<time_t>(wait / second_ns);
  times.it_value.tv_nsec = static_cast<long>(wait % second_ns);
  ::timerfd_settime(fd_.get(), 0, &times, nullptr);
}

}  // namespace evenkeel::live
