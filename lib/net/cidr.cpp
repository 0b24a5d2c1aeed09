#include "net/cidr.hpp"

namespace evenkeel::net {

bool contains(std::span<const base::Cidr> ranges, const PeerIp& peer) noexcept {
  // address() of no IP is 16 zeros, which would be in "::/0".
  return peer.family != AF_UNSPEC && base::contains(ranges, peer.address());
}

bool contains(std::span<const base::Cidr> ranges, const SocketAddress& address) noexcept {
  return contains(ranges, PeerIp::of(address));
}

}  // namespace evenkeel::net
