#include "config/option_fields.hpp"

namespace evenkeel::config {

namespace {

template <auto Member>
void http_timeout(const Cursor& at, Settings& settings) {
  read_duration<Member>(at, settings.http.timeouts);
}

template <auto Member>
void tcp_timeout(const Cursor& at, Settings& settings) {
  read_duration<Member>(at, settings.tcp.timeouts);
}

void read_drain(const Cursor& at, Settings& settings) {
  read_duration_or_zero<&TcpTimeouts::drain>(at, settings.tcp.timeouts);
}

void read_connect(const Cursor& at, Settings& settings) {
  const auto value = at.duration(std::chrono::milliseconds(1));
  if (value) settings.http.timeouts.connect = settings.tcp.timeouts.connect = *value;
}

void read_proxy_header(const Cursor& at, Settings& settings) {
  const auto value = at.duration(std::chrono::milliseconds(1));
  if (value) settings.http.timeouts.proxy_header = settings.tcp.timeouts.proxy_header = *value;
}

// Zero is right in a tcp port only, and whose it will be is not known here: see check_port().
void read_idle(const Cursor& at, Settings& settings) {
  const auto value = at.duration(std::chrono::milliseconds(0));
  if (!value) return;
  settings.http.timeouts.idle = settings.tcp.timeouts.idle = settings.udp.idle = *value;
  settings.idle.emplace(at);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
void http_bytes(const Cursor& at, Settings& settings) {
  read_bytes<Member, Least, Most>(at, settings.http.limits);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
void http_limit(const Cursor& at, Settings& settings) {
  read_number<Member, Least, Most>(at, settings.http.limits);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
void tcp_limit(const Cursor& at, Settings& settings) {
  read_number<Member, Least, Most>(at, settings.tcp.limits);
}

constexpr std::uint64_t most_connections = 1'000'000;

void read_connections(const Cursor& at, Settings& settings) {
  const auto value = at.whole_number(0, most_connections);
  if (!value) return;
  settings.http.limits.connections = settings.tcp.limits.connections = static_cast<std::uint32_t>(*value);
}

void read_sessions(const Cursor& at, Settings& settings) {
  read_number<&UdpOptions::sessions, 1, most_connections>(at, settings.udp);
}

}  // namespace

std::span<const Field<Settings>> timeouts_fields() noexcept {
  static constexpr Field<Settings> fields[] = {
      {"idle", read_idle},
      {"connect", read_connect, for_http_and_tcp},
      {"handshake", http_timeout<&HttpTimeouts::handshake>, for_https},
      {"head", http_timeout<&HttpTimeouts::head>, for_http},
      {"body", http_timeout<&HttpTimeouts::body>, for_http},
      {"response", http_timeout<&HttpTimeouts::response>, for_http},
      {"request", http_timeout<&HttpTimeouts::request>, for_http},
      {"tunnel", http_timeout<&HttpTimeouts::tunnel>, for_http},
      {"connectDeadline", tcp_timeout<&TcpTimeouts::connect_deadline>, for_tcp},
      {"queue", tcp_timeout<&TcpTimeouts::queue>, for_tcp},
      {"proxyHeader", read_proxy_header, for_http_and_tcp},
      {"drain", read_drain, for_tcp},
  };
  return fields;
}

std::span<const Field<Settings>> limits_fields() noexcept {
  constexpr std::uint64_t pebibyte = 1ULL << 50;
  static constexpr Field<Settings> fields[] = {
      {"connections", read_connections, for_http_and_tcp},
      {"headBytes", http_bytes<&HttpLimits::head_bytes, 512, 32'768>, for_http},
      {"headers", http_limit<&HttpLimits::headers, 1, 256>, for_http},
      {"uriBytes", http_bytes<&HttpLimits::uri_bytes, 16, 32'768>, for_http},
      {"bodyBytes", http_bytes<&HttpLimits::body_bytes, 0, pebibyte>, for_http},
      {"trailerBytes", http_bytes<&HttpLimits::trailer_bytes, 0, 32'768>, for_http},
      {"chunkLineBytes", http_bytes<&HttpLimits::chunk_line_bytes, 16, 4'096>, for_http},
      {"requestsPerConnection", http_limit<&HttpLimits::requests_per_connection, 0, 1'000'000'000>, for_http},
      {"connectionsPerTarget", tcp_limit<&TcpLimits::connections_per_target, 0, most_connections>, for_tcp},
      {"queue", tcp_limit<&TcpLimits::queue, 0, most_connections>, for_tcp},
      {"sessions", read_sessions, for_udp},
  };
  return fields;
}

std::span<const Field<UpstreamOptions>> upstream_fields() noexcept {
  static constexpr Field<UpstreamOptions> fields[] = {
      {"maxIdle", read_number<&UpstreamOptions::max_idle, 0, 65'535>},
      {"idle", read_duration<&UpstreamOptions::idle>},
  };
  return fields;
}

std::span<const Field<RetryOptions>> retries_fields() noexcept {
  static constexpr Field<RetryOptions> fields[] = {
      {"attempts", read_number<&RetryOptions::attempts, 1, 8>},
      {"budgetPercent", read_number<&RetryOptions::budget_percent, 0, 100>},
      {"budgetMinPerSecond", read_number<&RetryOptions::budget_min_per_second, 0, 10'000>},
  };
  return fields;
}

std::span<const Field<ClientLimits>> per_client_fields() noexcept {
  static constexpr Field<ClientLimits> fields[] = {
      {"requestsPerSecond", read_number<&ClientLimits::requests_per_second, 0, 1'000'000>},
      {"burst", read_number<&ClientLimits::burst, 0, 1'000'000>},
      {"connections", read_number<&ClientLimits::connections, 0, 1'000'000>},
  };
  return fields;
}

}  // namespace evenkeel::config
