// What a client is, for strategies that send the same client to the same target.
#pragma once

#include <cstdint>

#include "evenkeel/tcp_proxy.hpp"

#include "net/address.hpp"

namespace evenkeel::proxy {

// The same on every host: it depends on nothing but the address (and the port, when that is asked for).
std::uint64_t client_affinity(const net::PeerIp& client, Affinity by) noexcept;

}  // namespace evenkeel::proxy
