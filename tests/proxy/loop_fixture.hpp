// A loop of a test's own, run until something was observed.
#pragma once

#include <chrono>
#include <functional>

#include <catch2/catch.hpp>
#include <uv.h>

namespace evenkeel::testing {

class Loop {
 public:
  Loop() { REQUIRE(uv_loop_init(&loop_) == 0); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // A handle that nobody closed shows here.
  ~Loop() {
    run_until([this] { return uv_loop_alive(&loop_) == 0; });
    CHECK(uv_loop_close(&loop_) == 0);
  }

  uv_loop_t* get() noexcept { return &loop_; }

  // Runs turns until `seen`; false when that takes longer than `limit`.
  bool run_until(const std::function<bool()>& seen,
                 std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    uv_timer_t alarm;
    bool late = false;
    uv_timer_init(&loop_, &alarm);
    uv_unref(reinterpret_cast<uv_handle_t*>(&alarm));
    alarm.data = &late;
    uv_update_time(&loop_);
    uv_timer_start(
        &alarm, [](uv_timer_t* timer) { *static_cast<bool*>(timer->data) = true; },
        static_cast<std::uint64_t>(limit.count()), 0);
    while (!late && !seen() && uv_run(&loop_, UV_RUN_ONCE) != 0) {
    }
    const bool result = seen();
    bool closed = false;
    alarm.data = &closed;
    uv_close(reinterpret_cast<uv_handle_t*>(&alarm),
             [](uv_handle_t* handle) { *static_cast<bool*>(handle->data) = true; });
    while (!closed) uv_run(&loop_, UV_RUN_NOWAIT);
    return result;
  }

 private:
  uv_loop_t loop_{};
};

}  // namespace evenkeel::testing
