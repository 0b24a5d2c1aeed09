#include "net/address.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

namespace evenkeel::net {
namespace {

Error invalid() noexcept {
  return {ErrorCode::invalid_argument, Fault::us, false, EINVAL};
}

}  // namespace

std::uint16_t SocketAddress::port() const noexcept {
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

SocketAddress SocketAddress::shifted(std::uint16_t offset) const noexcept {
  SocketAddress other = *this;
  const std::uint16_t moved = htons(static_cast<std::uint16_t>(port() + offset));
  if (storage.ss_family == AF_INET) reinterpret_cast<sockaddr_in*>(&other.storage)->sin_port = moved;
  if (storage.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&other.storage)->sin6_port = moved;
  return other;
}

Result<SocketAddress> ip_address(std::string_view host, std::uint16_t port) noexcept {
  char text[max_ip_text] = {};
  // The copy ends in NUL, so one inside `host` would cut it short.
  if (host.size() >= sizeof text || host.contains('\0')) return std::unexpected(invalid());
  host.copy(text, host.size());

  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof *v4;
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof *v6;
    return address;
  }
  return std::unexpected(invalid());
}

Result<SocketAddress> unix_address(std::string_view path) noexcept {
  SocketAddress address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof un->sun_path) return std::unexpected(invalid());
  un->sun_family = AF_UNIX;
  path.copy(un->sun_path, path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

PeerIp PeerIp::of(const SocketAddress& address) noexcept {
  PeerIp peer;
  peer.port = address.port();
  if (address.storage.ss_family == AF_INET) {
    peer.family = AF_INET;
    std::memcpy(peer.bytes, &reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr, 4);
  } else if (address.storage.ss_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&ip);
    peer.family = mapped ? AF_INET : AF_INET6;
    std::memcpy(peer.bytes, mapped ? &ip.s6_addr[12] : ip.s6_addr, mapped ? 4 : 16);
  }
  return peer;
}

std::string_view ip_text(const PeerIp& peer, char (&out)[max_ip_text]) noexcept {
  if (peer.family == AF_UNSPEC || inet_ntop(peer.family, peer.bytes, out, sizeof out) == nullptr) return {};
  return out;
}

}  // namespace evenkeel::net
