#include "proxy/listening.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/resource.h>

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

Result<net::SocketAddress> first_of_range(const ListenAddress& address) noexcept {
  const bool wraps = address.port + address.count > 65'536;
  const bool free_ones = address.count > 1 && address.port == 0;
  if (address.count == 0 || wraps || free_ones) return std::unexpected(net::setup_error(EINVAL));
  return net::ip_address(address.host, address.port);
}

}  // namespace proxy

Result<void> try_bind(const ListenAddress& address, Transport transport, bool beside_ours) {
  const Result<net::SocketAddress> first = proxy::first_of_range(address);
  if (!first) return std::unexpected(first.error());
  for (std::uint16_t i = 0; i < address.count; ++i) {
    const net::SocketAddress place = first->shifted(i);
    const Result<net::Fd> bound = transport == Transport::stream ? net::bind_stream(place, beside_ours)
                                                                 : net::bind_datagram(place, beside_ours);
    if (!bound) return std::unexpected(bound.error());
  }
  return {};
}

}  // namespace evenkeel
