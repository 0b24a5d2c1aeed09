// What tailscaled says of its own node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/or_reason.hpp"

namespace evenkeel::tailnet {

// ipn.State of tailscale.com, in its order: the bus says the number, the status the name.
enum class BackendState : std::uint8_t {
  no_state,
  in_use_other_user,
  needs_login,
  needs_machine_auth,
  stopped,
  starting,
  running,
};
// As Tailscale writes it: "NeedsLogin".
std::string_view to_string(BackendState state) noexcept;

inline constexpr std::string_view status_path = "/localapi/v0/status?peers=false";

struct NodeStatus {
  std::string version;
  BackendState state = BackendState::no_state;
  std::string auth_url;  // where a person has to go to let the node in
  bool tun = false;      // false: userspace networking, the addresses are not this machine's
  bool online = false;
  std::vector<std::string> addresses;  // IP literals
  std::string dns_name;                // "host.tail1234.ts.net"
  std::string magic_dns_suffix;        // "tail1234.ts.net"
  std::vector<std::string> cert_domains;
  std::vector<std::string> tags;    // only a tagged node may advertise a service
  std::vector<std::string> health;  // what tailscaled itself complains of
  friend bool operator==(const NodeStatus&, const NodeStatus&) = default;
};

// Throws std::bad_alloc.
base::OrReason<NodeStatus> read_status(std::string_view json);

// NotifyInitialState and NotifyRateLimit: the state now, and then each change.
inline constexpr std::string_view bus_path = "/localapi/v0/watch-ipn-bus?mask=258";

// One line of the bus, as far as it says that something has to be looked at again. A line says one
// thing and leaves the rest out.
struct BusNotice {
  std::optional<BackendState> state;
  std::string auth_url;       // a person has to go there now
  std::string error;          // critical, says tailscaled
  bool node_changed = false;  // name, addresses, keys: ask for the status
  bool prefs_changed = false;
};

// Throws std::bad_alloc.
base::OrReason<BusNotice> read_bus_line(std::string_view line);

}  // namespace evenkeel::tailnet
