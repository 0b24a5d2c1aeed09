// One backend: where it is, how much it should get, and whether it may be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"

namespace evenkeel {

enum class Scheme : std::uint8_t { http, https, tcp, udp };

// What the operator wants. Enabled is not healthy: see Health.
enum class AdminState : std::uint8_t {
  enabled,
  draining,  // no new work; what is under way ends
  disabled,  // no new work, no health checks
};

// What was observed. `unknown` is a target that no check has seen yet: it is used only when no
// target is up. `ejected` is a target that live traffic found bad (outlier ejection).
enum class Health : std::uint8_t { unknown, up, down, ejected };

EVENKEEL_API std::string_view to_string(Scheme scheme) noexcept;
EVENKEEL_API std::string_view to_string(AdminState state) noexcept;
EVENKEEL_API std::string_view to_string(Health health) noexcept;

inline constexpr std::uint32_t max_weight = 65'535;
inline constexpr std::uint16_t max_port_range = 1'000;

// A plain value. Its identity is `id` (scheme, host and port; or scheme and socket path): weight,
// tier and state can change without the target losing its counters, health or connections.
struct Target {
  Scheme scheme = Scheme::http;
  std::string host;        // name or IP literal without brackets; empty for a Unix socket
  std::uint16_t port = 0;  // 0 for a Unix socket
  // A range, from `port` on (tcp and udp): a proxy's n-th port goes to the n-th of it.
  std::uint16_t port_count = 1;
  std::string unix_path;     // absolute path, empty for TCP and UDP
  std::uint32_t weight = 1;  // share of new work relative to its peers; 0 gets none, at most max_weight
  std::uint32_t tier = 0;    // a higher tier is used only when no lower one has a usable target
  AdminState admin = AdminState::enabled;
  // https only: whether its certificate is checked, and the name that is asked for (SNI) and checked; the
  // host when empty.
  bool tls_validate = true;
  std::string server_name;
  // `host` is the name of SRV records (RFC 2782), `port` 0: not a place, but something that stands for some.
  // Pools refuse it; see DnsDiscovery.
  bool is_service = false;
  // That `host` is an address of, for authority() and TLS; `host` itself when empty. No part of the id.
  std::string name;

  // "http://db1:5432", "http://[::1]:80", "udp://db1:7000-7099", "unix:/run/app.sock",
  // "srv+http://_web._tcp.example". O(length).
  [[nodiscard]] EVENKEEL_API std::string id() const;
  // What an HTTP client would put into Host: "db1:3000", the port left out when it is the default. By `name`,
  // where there is one.
  [[nodiscard]] EVENKEEL_API std::string authority() const;

  // Reads "http://host:port", "http://[v6]:port", "unix:/path" and the https, tcp and udp forms; the last
  // two may name a range, "udp://host:7000-7099", of at most max_port_range ports. "srv+" before any of these
  // schemes takes a name alone.
  // The port defaults to 80 or 443 for http and https and is required for tcp and udp. A path other
  // than "/", a query, a fragment and user information are refused (invalid_url): a target is a
  // place, not a resource. `fallback` is the scheme of a bare "host:port" and of "unix:".
  [[nodiscard]] EVENKEEL_API static Result<Target> parse(std::string_view url,
                                                         Scheme fallback = Scheme::http);

  friend bool operator==(const Target&, const Target&) = default;
};

}  // namespace evenkeel
