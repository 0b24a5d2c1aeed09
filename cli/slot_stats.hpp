// What proxies count, in sum: over the workers of a port, whatever it speaks.
#pragma once

#include <cstdint>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

namespace evenkeel::cli {

struct SlotStats {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t requests_limited = 0;
  std::uint64_t retries = 0;
  std::uint64_t tls_handshakes = 0;
  std::uint64_t tls_resumed = 0;
  std::uint64_t tls_failures = 0;
  std::uint64_t sessions_evicted = 0;
  std::uint64_t datagrams_dropped = 0;
  // Now:
  std::uint64_t connections = 0;  // of clients, or sessions
  std::uint64_t waiting = 0;
  std::uint64_t upstream_connections = 0;
  std::uint64_t upstream_idle = 0;

  void add(const HttpStats& stats) noexcept {
    connections_accepted += stats.connections_accepted;
    connections_refused += stats.connections_refused;
    requests_limited += stats.requests_limited;
    retries += stats.retries;
    tls_handshakes += stats.tls_handshakes;
    tls_resumed += stats.tls_resumed;
    tls_failures += stats.tls_failures;
    connections += stats.client_connections;
    upstream_connections += stats.upstream_connections;
    upstream_idle += stats.upstream_idle;
  }
  void add(const TcpStats& stats) noexcept {
    connections_accepted += stats.connections_accepted;
    connections_refused += stats.connections_refused;
    retries += stats.retries;
    connections += stats.connections;
    waiting += stats.waiting;
  }
  void add(const UdpStats& stats) noexcept {
    connections_accepted += stats.sessions_begun;
    sessions_evicted += stats.sessions_evicted;
    datagrams_dropped += stats.datagrams_dropped;
    connections += stats.sessions;
  }
  void add(const SlotStats& other) noexcept {
    connections_accepted += other.connections_accepted;
    connections_refused += other.connections_refused;
    requests_limited += other.requests_limited;
    retries += other.retries;
    tls_handshakes += other.tls_handshakes;
    tls_resumed += other.tls_resumed;
    tls_failures += other.tls_failures;
    sessions_evicted += other.sessions_evicted;
    datagrams_dropped += other.datagrams_dropped;
    connections += other.connections;
    waiting += other.waiting;
    upstream_connections += other.upstream_connections;
    upstream_idle += other.upstream_idle;
  }
};

}  // namespace evenkeel::cli
