// Ports on a tailnet: what a spec says of it, and the machine's tailscaled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace evenkeel {

enum class TailnetMode : std::uint8_t {
  off,
  host,  // the machine's own node, by its tailscaled
  node,  // a node of the proxy's own, inside this process
};

// What the spec says of a port's tailnet.
struct TailnetSpec {
  TailnetMode mode = TailnetMode::off;
  // host:
  std::string socket{};   // of tailscaled; where it usually is when empty
  std::string service{};  // "svc:web": a Tailscale Service to advertise while the port has a usable target
  // node:
  std::string hostname{};     // on the tailnet
  std::string auth_key{};     // "file:PATH" or "env:NAME"; none: a person logs the node in
  std::string state_dir{};    // identity and certificates of the node; empty: in memory, ephemeral only
  bool ephemeral = false;     // the tailnet forgets the node soon after it goes
  std::string control_url{};  // Tailscale's own when empty
  std::vector<std::string> tags{};
  bool funnel = false;  // https ports: also from the internet
  friend bool operator==(const TailnetSpec&, const TailnetSpec&) = default;
};

}  // namespace evenkeel
