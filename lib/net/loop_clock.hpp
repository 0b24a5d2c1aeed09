// A loop's own time as a Clock.
#pragma once

#include <chrono>

#include <uv.h>

#include "evenkeel/clock.hpp"

namespace evenkeel::net {

// Of this turn of the loop, in whole milliseconds: costs no system call. Thread rule: the loop's thread.
class LoopClock final : public Clock {
 public:
  explicit LoopClock(const uv_loop_t* loop) noexcept : loop_(loop) {}

  [[nodiscard]] TimePoint now() const noexcept override {
    return TimePoint(std::chrono::milliseconds(uv_now(loop_)));
  }

 private:
  const uv_loop_t* loop_;
};

}  // namespace evenkeel::net
