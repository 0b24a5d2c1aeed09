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
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + limit;
    // UV_RUN_ONCE may wait for the next event after it has run the one that is waited for here.
    uv_timer_t metronome;
    bool closed = false;
    uv_timer_init(&loop_, &metronome);
    metronome.data = &closed;
    uv_timer_start(&metronome, [](uv_timer_t*) {}, 1, 1);
    uv_unref(reinterpret_cast<uv_handle_t*>(&metronome));
    while (!seen() && Clock::now() < deadline && uv_loop_alive(&loop_) != 0) uv_run(&loop_, UV_RUN_ONCE);
    const bool result = seen();
    uv_close(reinterpret_cast<uv_handle_t*>(&metronome),
             [](uv_handle_t* handle) { *static_cast<bool*>(handle->data) = true; });
    while (!closed) uv_run(&loop_, UV_RUN_NOWAIT);
    return result;
  }

 private:
  uv_loop_t loop_{};
};

}  // namespace evenkeel::testing
