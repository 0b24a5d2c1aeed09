#include "net/timeouts.hpp"

#include <algorithm>
#include <limits>
#include <new>

namespace evenkeel::net {

Timeouts::Timeouts(uv_loop_t* loop, void (*after_event)(void*), void* after_argument)
    : loop_(loop),
      after_event_(after_event),
      after_argument_(after_argument),
      timer_(make_handle<uv_timer_t>(uv_timer_init, loop)) {
  if (!timer_) throw std::bad_alloc();
  timer_->data = this;
}

Timeouts::Queue* Timeouts::find(std::uint64_t duration_ms) noexcept {
  for (const auto& queue : queues_) {
    if (queue->duration_ms == duration_ms) return queue.get();
  }
  return nullptr;
}

void Timeouts::prepare(std::initializer_list<std::chrono::milliseconds> durations) {
  for (const std::chrono::milliseconds duration : durations) {
    const auto duration_ms = static_cast<std::uint64_t>(duration.count());
    if (find(duration_ms) == nullptr) queues_.push_back(std::make_unique<Queue>(duration_ms));
  }
}

// With no memory for a queue of its own it waits in another, behind what is there: late, but not never.
Timeouts::Queue* Timeouts::queue_for(std::uint64_t duration_ms) noexcept {
  if (Queue* queue = find(duration_ms)) return queue;
  try {
    return queues_.emplace_back(std::make_unique<Queue>(duration_ms)).get();
  } catch (const std::bad_alloc&) {
    return queues_.empty() ? nullptr : queues_.front().get();
  }
}

void Timeouts::set(Timeout& timeout, std::chrono::milliseconds duration) noexcept {
  if (!timer_) return;
  const auto duration_ms = static_cast<std::uint64_t>(duration.count());
  timeout.deadline_ms_ = uv_now(loop_) + duration_ms;
  Queue* queue = queue_for(duration_ms);
  if (queue == nullptr) return;
  queue->list.push_back(timeout);
  // Most time-outs are reset long before they are due. Leaving the uv_timer where it is costs at
  // most one early look; moving it each time would cost a heap operation a request.
  if (armed_for_ms_ == 0 || timeout.deadline_ms_ + granularity_ms < armed_for_ms_) arm(timeout.deadline_ms_);
}

void Timeouts::arm(std::uint64_t deadline_ms) noexcept {
  const std::uint64_t now = uv_now(loop_);
  const std::uint64_t wait = std::max(deadline_ms, now) - now + granularity_ms;
  armed_for_ms_ = now + wait;
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<Timeouts*>(timer->data)->expire();
      },
      wait, 0);
}

void Timeouts::expire() noexcept {
  armed_for_ms_ = 0;
  const std::uint64_t now = uv_now(loop_);
  // By index: a time-out that fires may set one with a new duration, which adds a queue.
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    while (Timeout* first = queues_[i]->list.front()) {
      if (first->deadline_ms_ > now) break;
      first->unlink();
      first->fire_(first->owner_);
      after_event_(after_argument_);
      if (!timer_) return;
    }
  }
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  for (const auto& queue : queues_) {
    if (Timeout* first = queue->list.front()) next = std::min(next, first->deadline_ms_);
  }
  const bool rearm_needed = armed_for_ms_ == 0 || next + granularity_ms < armed_for_ms_;
  if (next != std::numeric_limits<std::uint64_t>::max() && rearm_needed) arm(next);
}

}  // namespace evenkeel::net
