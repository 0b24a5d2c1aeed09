// What has to change in tailscaled's configuration for a node to serve a Tailscale Service. Text in, text
// out.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::tailnet {

inline constexpr std::string_view serve_config_path = "/localapi/v0/serve-config";
inline constexpr std::string_view prefs_path = "/localapi/v0/prefs";

// "svc:" and a DNS label.
bool is_service_name(std::string_view name) noexcept;

// One port of a service and where tailscaled sends its connections.
struct ServicePort {
  std::uint16_t port = 0;
  std::string forward;       // "127.0.0.1:8443"
  bool proxy_header = true;  // each starts with a PROXY protocol header, version 2
  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

struct Service {
  std::string name;  // "svc:web"
  std::vector<ServicePort> ports;
  friend bool operator==(const Service&, const Service&) = default;
};

// New text, nullopt when nothing has to change, or the reason why not, for a person.
using Edit = std::expected<std::optional<std::string>, std::string>;

// The serve-config in which these services forward these ports. Everything else in it stays, also what this
// version knows nothing of. Refused: a port that tailscaled itself serves (`tailscale serve`), a service in
// TUN mode: somebody has set those by hand.
Edit with_services(std::string_view serve_config, std::span<const Service> services);

// The body of a PATCH of prefs, so that the node advertises the services in `add` and not those in `remove`,
// and others as before.
Edit advertising(std::string_view prefs, std::span<const std::string> add,
                 std::span<const std::string> remove);

}  // namespace evenkeel::tailnet
