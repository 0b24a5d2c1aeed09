// Coarse timers that cost a list operation each: one uv_timer serves a whole loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include <uv.h>

#include "base/intrusive_list.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::net {

// A time-out that its owner keeps as a member. Goes off at most once each time it is set; destroying
// it cancels it.
class Timeout : public base::ListNode<Timeout> {
 public:
  using Fire = void (*)(void* owner);
  Timeout(Fire fire, void* owner) noexcept : fire_(fire), owner_(owner) {}

  void cancel() noexcept { unlink(); }
  [[nodiscard]] bool is_set() const noexcept { return linked(); }

 private:
  friend class Timeouts;
  Fire fire_;
  void* owner_;
  std::uint64_t deadline_ms_ = 0;
};

// Time-outs of one duration expire in the order in which they were set, so each duration is a queue:
// set and cancel are O(1), given that a proxy uses a handful of durations. Fires up to
// `granularity` late.
class Timeouts {
 public:
  static constexpr std::uint64_t granularity_ms = 10;

  Timeouts(uv_loop_t* loop, void (*after_event)(void*), void* after_argument);

  // Makes room for time-outs of these durations, so that setting one does not allocate.
  void prepare(std::initializer_list<std::chrono::milliseconds> durations);
  // (Re)starts it. Of loop time (uv_now), so a jump of the wall clock changes nothing.
  void set(Timeout& timeout, std::chrono::milliseconds duration) noexcept;
  void close() noexcept { timer_.reset(); }

 private:
  struct Queue {
    explicit Queue(std::uint64_t ms) : duration_ms(ms) {}
    std::uint64_t duration_ms;
    base::IntrusiveList<Timeout> list;
  };

  Queue* find(std::uint64_t duration_ms) noexcept;
  Queue* queue_for(std::uint64_t duration_ms) noexcept;
  void arm(std::uint64_t deadline_ms) noexcept;
  void expire() noexcept;

  uv_loop_t* loop_;
  void (*after_event_)(void*);
  void* after_argument_;
  UvHandle<uv_timer_t> timer_;
  std::uint64_t armed_for_ms_ = 0;  // 0: the uv_timer is not running
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace evenkeel::net
