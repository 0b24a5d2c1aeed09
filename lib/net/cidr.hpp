// Ranges of IP addresses, asked about the addresses of sockets.
#pragma once

#include <span>

#include "base/cidr.hpp"
#include "net/address.hpp"

namespace evenkeel::net {

// False for a peer without an IP, such as that of a Unix socket. O(ranges).
bool contains(std::span<const base::Cidr> ranges, const PeerIp& peer) noexcept;
bool contains(std::span<const base::Cidr> ranges, const SocketAddress& address) noexcept;

}  // namespace evenkeel::net
