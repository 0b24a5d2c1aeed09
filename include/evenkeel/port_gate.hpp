// How many connections one port carries, counted over all loops that serve it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "evenkeel/export.hpp"

namespace evenkeel {

// The kernel spreads the clients of a port over the loops unevenly: a share of the limit for each
// loop would refuse one client while another loop has room. One for all loops of a port.
class EVENKEEL_API PortGate {
 public:
  // `most` connections (or UDP sessions) at once, `queue` that may wait for a place.
  PortGate(std::uint32_t most, std::uint32_t queue) noexcept : most_(most), queue_(queue) {}
  PortGate(const PortGate&) = delete;
  PortGate& operator=(const PortGate&) = delete;

  // Any thread. Who is inside goes on to count, also above a limit that is lower now.
  void set_limits(std::uint32_t most, std::uint32_t queue) noexcept;
  [[nodiscard]] std::uint32_t most() const noexcept { return most_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t queue() const noexcept { return queue_.load(std::memory_order_relaxed); }

  // Any thread, no lock, O(1). A place, or none when all are taken.
  [[nodiscard]] bool enter() noexcept { return take(inside_, most()); }
  // Gives the place back, and tells the loops where somebody waits. Takes a short lock then, else none.
  void leave() noexcept;

  // For those who make room by ending somebody: a loop that has fewer than its share() of the places comes in
  // all the same, and every loop is told; one with more then gives a place back, if too many are taken still,
  // and ends one of its own for it.
  [[nodiscard]] std::uint32_t share() const noexcept;
  void enter_anyway() noexcept;
  [[nodiscard]] bool give_back_excess() noexcept;

  // The same of places to wait in. Whoever waits must retry when its loop is told, see on_room().
  [[nodiscard]] bool queue_up() noexcept { return take(waiting_, queue()); }
  void stop_waiting() noexcept { waiting_.fetch_sub(1); }
  // Somebody who did not go through leave() made room: a connection to a target ended.
  void made_room() noexcept;

  [[nodiscard]] std::uint32_t inside() const noexcept { return inside_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  // `tell` is called on any thread when there may be room again and somebody waits, or when somebody has come
  // in anyway or the limits are others: it must only wake its loop. Once unsubscribe() has returned it does
  // not run any more.
  std::uint64_t on_room(std::function<void()> tell);
  void unsubscribe(std::uint64_t token) noexcept;

 private:
  static bool take(std::atomic<std::uint32_t>& count, std::uint32_t most) noexcept;

  void tell_all() noexcept;

  std::atomic<std::uint32_t> most_;
  std::atomic<std::uint32_t> queue_;
  std::atomic<std::uint32_t> inside_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::mutex mutex_;  // of the listeners
  struct Listener {
    std::uint64_t token;
    std::function<void()> tell;
  };
  std::vector<Listener> listeners_;
  std::atomic<std::uint32_t> loops_{0};  // as many
  std::uint64_t next_token_ = 1;
};

}  // namespace evenkeel
