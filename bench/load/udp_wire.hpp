// What the UDP load programs and their backend say to each other: how every datagram begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace evenkeel::bench::udp_wire {

enum class Kind : std::uint8_t {
  echo = 'e',   // comes back as it is
  count = 'c',  // counted by sequence number, not answered
  query = 'q',  // comes back with the number of those of its run that were counted, each once
  train = 't',  // is answered with `count` datagrams of `size` bytes, numbered from `sequence` on
};

// In the machine's own order: both ends are on it.
struct Head {
  Kind kind = Kind::echo;
  std::uint8_t unused = 0;
  std::uint16_t size = 0;
  std::uint32_t count = 0;
  std::uint64_t run = 0;  // of a load program; what comes late from another one is not counted
  std::uint64_t sequence = 0;
};
static_assert(sizeof(Head) == 24);

inline void put(const Head& head, std::span<char> into) noexcept {
  std::memcpy(into.data(), &head, sizeof head);
}

inline std::optional<Head> head_of(std::span<const char> bytes) noexcept {
  if (bytes.size() < sizeof(Head)) return std::nullopt;
  Head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  return head;
}

// Of a datagram of a load: IPv4 on a loopback that carries 64 KiB.
inline constexpr std::size_t most_bytes = 1'472;

}  // namespace evenkeel::bench::udp_wire
