// The keys of TLS session tickets: shared by all loops of a port, and changed now and then.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace evenkeel::net {

// RFC 5077 section 4: a key name, a cipher key and a MAC key.
struct TicketKey {
  std::array<std::uint8_t, 16> name{};
  std::array<std::uint8_t, 32> cipher{};
  std::array<std::uint8_t, 32> mac{};
};

// A ticket's key must go for what was said under it to stay secret: RFC 8446 appendix C.4, F.1. Time is
// given. Thread rule: any thread; holds a lock for a copy of 80 bytes.
class TicketKeys {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Each key makes tickets for `rotation`, and opens them for as long as that once more, or for `lifetime`.
  TicketKeys(std::chrono::seconds rotation, std::chrono::seconds lifetime) noexcept
      : rotation_(rotation), kept_(rotation + std::max(rotation, lifetime)) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // The one that makes tickets now. None when there is no randomness to be had.
  std::optional<TicketKey> current(Time now) noexcept;
  struct Found {
    TicketKey key;
    bool is_current = false;
  };
  std::optional<Found> find(std::span<const std::uint8_t, 16> name, Time now) noexcept;

 private:
  struct Held {
    TicketKey key;
    Time made;
  };
  void forget_old(Time now) noexcept;

  const std::chrono::seconds rotation_;
  const std::chrono::seconds kept_;
  std::mutex mutex_;
  std::vector<Held> keys_;  // the newest last
};

}  // namespace evenkeel::net
