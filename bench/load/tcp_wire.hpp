// What the TCP load programs and their backend say to each other.
//
// The first byte of a connection says what it is for:
//   'e'              everything comes back, this byte too
//   'd' and a count  the backend sends that many bytes
//   'u' and a count  that many bytes follow; when they have come, the backend answers with their count
// A count has eight bytes in the machine's own order: both ends are on it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace evenkeel::bench::tcp_wire {

inline constexpr char echo = 'e';
inline constexpr char download = 'd';
inline constexpr char upload = 'u';
inline constexpr std::size_t count_size = sizeof(std::uint64_t);
inline constexpr std::size_t order_size = 1 + count_size;
// Of one send or receive of bulk data.
inline constexpr std::size_t piece = 262'144;

using Order = std::array<char, order_size>;

inline Order order(char kind, std::uint64_t count) noexcept {
  Order bytes{kind};
  std::memcpy(bytes.data() + 1, &count, count_size);
  return bytes;
}

inline std::uint64_t count_of(const char* bytes) noexcept {
  std::uint64_t count = 0;
  std::memcpy(&count, bytes, count_size);
  return count;
}

// An echo message of `size` bytes whose places can be told apart.
inline std::string message(std::size_t size) {
  std::string bytes(size, echo);
  for (std::size_t i = 1; i < size; ++i) bytes[i] = static_cast<char>('A' + i % 61);
  return bytes;
}

}  // namespace evenkeel::bench::tcp_wire
