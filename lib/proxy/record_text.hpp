// What the access records of all protocols write in the same way.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/address.hpp"

namespace evenkeel::proxy {

struct PeerName {
  std::string_view ip;
  std::uint16_t port = 0;
};

inline constexpr std::size_t max_peer_text = net::max_ip_text + 16;
// "192.0.2.7:51034", "[2001:db8::1]:443", "unix".
std::string_view peer_text(const PeerName& peer, std::span<char, max_peer_text> out) noexcept;

// Of two readings of uv_hrtime(); 0 when the second did not happen.
std::chrono::microseconds elapsed(std::uint64_t from_ns, std::uint64_t to_ns) noexcept;

}  // namespace evenkeel::proxy
