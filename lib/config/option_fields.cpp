#include "config/option_fields.hpp"

namespace evenkeel::config {

std::span<const Field<HttpTimeouts>> timeouts_fields() noexcept {
  static constexpr Field<HttpTimeouts> fields[] = {
      {"head", read_duration<&HttpTimeouts::head>},
      {"idle", read_duration<&HttpTimeouts::idle>},
      {"body", read_duration<&HttpTimeouts::body>},
      {"connect", read_duration<&HttpTimeouts::connect>},
      {"response", read_duration<&HttpTimeouts::response>},
      {"request", read_duration<&HttpTimeouts::request>},
      {"tunnel", read_duration<&HttpTimeouts::tunnel>},
  };
  return fields;
}

std::span<const Field<HttpLimits>> limits_fields() noexcept {
  constexpr std::uint64_t pebibyte = 1ULL << 50;
  static constexpr Field<HttpLimits> fields[] = {
      {"headBytes", read_bytes<&HttpLimits::head_bytes, 512, 32'768>},
      {"headers", read_number<&HttpLimits::headers, 1, 256>},
      {"uriBytes", read_bytes<&HttpLimits::uri_bytes, 16, 32'768>},
      {"bodyBytes", read_bytes<&HttpLimits::body_bytes, 0, pebibyte>},
      {"trailerBytes", read_bytes<&HttpLimits::trailer_bytes, 0, 32'768>},
      {"chunkLineBytes", read_bytes<&HttpLimits::chunk_line_bytes, 16, 4'096>},
      {"connections", read_number<&HttpLimits::connections, 0, 1'000'000>},
      {"requestsPerConnection", read_number<&HttpLimits::requests_per_connection, 0, 1'000'000'000>},
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
