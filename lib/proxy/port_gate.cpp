#include "evenkeel/port_gate.hpp"

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
  if (waiting_.fetch_add(0) == 0) return;
  const std::lock_guard lock(mutex_);
  for (const Listener& listener : listeners_) listener.tell();
}

std::uint64_t PortGate::on_room(std::function<void()> tell) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back({next_token_, std::move(tell)});
  return next_token_++;
}

void PortGate::unsubscribe(std::uint64_t token) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [token](const Listener& listener) { return listener.token == token; });
}

}  // namespace evenkeel
