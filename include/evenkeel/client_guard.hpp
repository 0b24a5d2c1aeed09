// How much one client address may take: requests a second, and connections at once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "evenkeel/export.hpp"

namespace evenkeel {

struct ClientLimits {
  std::uint32_t requests_per_second = 0;  // on average; 0 means no limit
  std::uint32_t burst = 0;                // requests at once after a pause; 0: as requests_per_second
  std::uint32_t connections = 0;          // 0 means no limit
  [[nodiscard]] bool any() const noexcept { return requests_per_second != 0 || connections != 0; }
  friend bool operator==(const ClientLimits&, const ClientLimits&) = default;
};

// One for all loops that serve a port: a client's connections are spread over them by the kernel.
//
// An address counts as it is, an IPv6 one with all its bits: on a tailnet neighbours share a /64.
//
// Memory is fixed (24 bytes a slot): a client has a slot while it has a connection, and keeps it
// afterwards until another needs it, so that hanging up does not refill its bucket. When every slot that
// an address may have holds a connection of another one, the newcomer goes unlimited: a proxy's own limit
// of connections, which should be below `slots`, is what bounds them all.
//
// The rate is a token bucket, kept as the one time at which it will be full again (the generic cell rate
// algorithm, ITU-T I.371): one compare-and-swap a request.
class EVENKEEL_API ClientGuard {
 public:
  static constexpr std::size_t default_slots = 32'768;

  // `seed` makes it hard to choose addresses that share slots. Throws std::bad_alloc.
  explicit ClientGuard(const ClientLimits& limits, std::uint64_t seed, std::size_t slots = default_slots);
  ~ClientGuard();
  ClientGuard(const ClientGuard&) = delete;
  ClientGuard& operator=(const ClientGuard&) = delete;

  // Any thread. Who is there goes on to count, also above a limit that is lower now.
  void set_limits(const ClientLimits& limits) noexcept;

  // One connection's place. Must not outlive the guard.
  class EVENKEEL_API Seat {
   public:
    Seat() noexcept = default;
    Seat(Seat&& other) noexcept;
    Seat& operator=(Seat&& other) noexcept;
    ~Seat() { leave(); }
    void leave() noexcept;

   private:
    friend class ClientGuard;
    ClientGuard* guard_ = nullptr;
    std::size_t slot_ = 0;
  };

  // Any thread. `address` is the client's, 4 or 16 bytes. False when it has its connections already.
  // A short lock. O(1).
  [[nodiscard]] bool enter(std::span<const std::uint8_t> address, Seat& seat) noexcept;

  // Any thread. Counts a request of the client in this seat, and returns zero; or counts nothing and
  // returns how long it would have to wait. `now` is monotonic and the same on all loops. No lock. O(1).
  [[nodiscard]] std::chrono::nanoseconds take(const Seat& seat, std::chrono::nanoseconds now) noexcept;

 private:
  struct Slot;

  Slot* find(std::uint64_t client) noexcept;

  // Of ClientLimits, each by itself: take() may see one of an older set beside another of the newer.
  std::atomic<std::uint32_t> requests_per_second_;
  std::atomic<std::uint32_t> burst_;
  std::atomic<std::uint32_t> connections_;
  std::uint64_t seed_;
  std::size_t sets_;
  std::mutex mutex_;  // of who has which slot
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace evenkeel
