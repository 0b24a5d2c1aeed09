// Timers of less than a millisecond, which libuv's are not.
#pragma once

#include <memory>

#include <uv.h>

#include "evenkeel/error.hpp"

#include "net/fd.hpp"
#include "net/uv_handle.hpp"
#include "sim/sim_time.hpp"

namespace evenkeel::live {

// An agenda that happens by itself, by the time since begin(). Thread rule: the loop's.
class FineTimers {
 public:
  explicit FineTimers(uv_loop_t* loop) : loop_(loop) {}

  Result<void> begin();
  // Nothing happens any more.
  void end();
  [[nodiscard]] sim::Nanos elapsed() const noexcept;
  void add(sim::Nanos at, std::function<void()> what);
  // Of those that are planned before it begins.
  [[nodiscard]] sim::Timers& agenda() noexcept { return agenda_; }

 private:
  void happen();
  void arm();

  uv_loop_t* const loop_;
  std::uint64_t begun_ns_ = 0;
  sim::Timers agenda_;
  sim::Nanos armed_{sim::Nanos::max()};
  net::Fd fd_;
  net::UvHandle<uv_poll_t> poll_;  // after fd_: stopped before the descriptor closes
};

}  // namespace evenkeel::live
