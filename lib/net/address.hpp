// Socket addresses as values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include "evenkeel/error.hpp"

namespace evenkeel::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] std::uint16_t port() const noexcept;
  // `offset` ports further on; itself when it has no port.
  [[nodiscard]] SocketAddress shifted(std::uint16_t offset) const noexcept;
};

// An IPv4 or IPv6 literal, IPv6 without brackets. invalid_argument for anything else.
Result<SocketAddress> ip_address(std::string_view host, std::uint16_t port) noexcept;
// invalid_argument when the path does not fit into a sockaddr_un.
Result<SocketAddress> unix_address(std::string_view path) noexcept;

// The IP of a peer in a form small enough to keep for every idle connection.
struct PeerIp {
  std::uint8_t bytes[16] = {};
  std::uint16_t port = 0;
  std::uint8_t family = AF_UNSPEC;  // an IPv4-mapped IPv6 address is kept as the IPv4 that it is

  static PeerIp of(const SocketAddress& address) noexcept;
  // Without the padding of an IPv4 address.
  [[nodiscard]] std::span<const std::uint8_t> address() const noexcept {
    return {bytes, family == AF_INET ? 4U : 16U};
  }
};

inline constexpr std::size_t max_ip_text = 46;
// Writes "192.0.2.7" or "2001:db8::1" into `out`; empty for a peer that has no IP.
std::string_view ip_text(const PeerIp& peer, char (&out)[max_ip_text]) noexcept;

}  // namespace evenkeel::net
