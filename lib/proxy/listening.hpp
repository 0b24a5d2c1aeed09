// What listening has in common, whatever is served.
#pragma once

#include <cstdint>

#include "evenkeel/proxy.hpp"

#include "net/address.hpp"

namespace evenkeel::proxy {

// How many connections a port carries when nobody says: a connection to a client may need one to a
// target, and other ports need some too. A quarter of RLIMIT_NOFILE.
std::uint32_t default_connections() noexcept;

// Where the first port of the range is; the n-th is shifted(n). invalid_argument for what is no IP literal,
// an empty range, one that goes past port 65,535, or one of free ports.
Result<net::SocketAddress> first_of_range(const ListenAddress& address) noexcept;

}  // namespace evenkeel::proxy
