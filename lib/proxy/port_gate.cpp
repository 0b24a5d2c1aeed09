#include "evenkeel/port_gate.hpp"

#include <algorithm>
#include <utility>

namespace evenkeel {

// Whoever queues up looks for room once more afterwards, and whoever makes room looks for waiting ones
// afterwards. Both change `waiting_`, so one of the two comes first: either the first is counted when the
// second looks, or the second sees the room that the first has made. A plain load would promise neither.
bool PortGate::take(std::atomic<std::uint32_t>& count, std::uint32_t most) noexcept {
  std::uint32_t now = count.load();
  while (now < most) {
    if (count.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

void PortGate::leave() noexcept {
  inside_.fetch_sub(1);
  made_room();
}

void PortGate::made_room() noexcept {
  if (waiting_.fetch_add(0) != 0) tell_all();
}

void PortGate::tell_all() noexcept {
  const std::lock_guard lock(mutex_);
  for (const Listener& listener : listeners_) listener.tell();
}

void PortGate::set_limits(std::uint32_t most, std::uint32_t queue) noexcept {
  most_.store(most, std::memory_order_relaxed);
  queue_.store(queue, std::memory_order_relaxed);
  tell_all();
}

// With more loops than places each has one: or there would be clients whom nobody ever serves.
std::uint32_t PortGate::share() const noexcept {
  return std::max(1U, most() / std::max(1U, loops_.load(std::memory_order_relaxed)));
}

void PortGate::enter_anyway() noexcept {
  inside_.fetch_add(1);
  tell_all();
}

bool PortGate::give_back_excess() noexcept {
  std::uint32_t now = inside_.load();
  while (now > most()) {
    if (inside_.compare_exchange_weak(now, now - 1)) return true;
  }
  return false;
}

std::uint64_t PortGate::on_room(std::function<void()> tell) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back({next_token_, std::move(tell)});
  loops_.store(static_cast<std::uint32_t>(listeners_.size()), std::memory_order_relaxed);
  return next_token_++;
}

void PortGate::unsubscribe(std::uint64_t token) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [token](const Listener& listener) { return listener.token == token; });
  loops_.store(static_cast<std::uint32_t>(listeners_.size()), std::memory_order_relaxed);
}

}  // namespace evenkeel
