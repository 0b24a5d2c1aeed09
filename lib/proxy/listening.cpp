#include "proxy/listening.hpp"

#include <algorithm>
#include <sys/resource.h>

#include "evenkeel/proxy.hpp"

#include "net/socket.hpp"

namespace evenkeel {
namespace proxy {

std::uint32_t default_connections() noexcept {
  rlimit limit{};
  constexpr rlim_t floor = 64;
  constexpr rlim_t ceiling = 1'000'000;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return floor;
  return static_cast<std::uint32_t>(std::clamp<rlim_t>(limit.rlim_cur / 4, floor, ceiling));
}

}  // namespace proxy

Result<void> try_bind(const ListenAddress& address, Transport transport) {
  for (std::uint16_t i = 0; i < address.count; ++i) {
    const Result<net::SocketAddress> place =
        net::ip_address(address.host, static_cast<std::uint16_t>(address.port + i));
    if (!place) return std::unexpected(place.error());
    const Result<net::Fd> bound =
        transport == Transport::stream ? net::bind_stream(*place, false) : net::bind_datagram(*place, false);
    if (!bound) return std::unexpected(bound.error());
  }
  return {};
}

}  // namespace evenkeel
