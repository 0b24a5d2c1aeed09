#include "tailnet/status_text.hpp"

#include <string>

namespace evenkeel::tailnet {
namespace {

std::string problem_of(const NodeStatus& node) {
  switch (node.state) {
    case BackendState::no_state:
    case BackendState::starting:
      return "tailscaled is starting";
    case BackendState::in_use_other_user:
      return "another user of this machine is logged in to tailscaled: log out there, or share the machine";
    case BackendState::needs_login:
      if (node.auth_url.empty()) return "this machine is not logged in to a tailnet: run `tailscale up`";
      return "this machine is not logged in to a tailnet: open " + node.auth_url;
    case BackendState::needs_machine_auth:
      return "an admin of the tailnet has to approve this machine";
    case BackendState::stopped:
      return "tailscaled is switched off: run `tailscale up`";
    case BackendState::running:
      break;
  }
  if (node.addresses.empty()) return "tailscaled has no address of the tailnet yet";
  if (node.tun) return {};
  return "tailscaled runs with userspace networking, so its addresses cannot be bound: it brings connections "
         "to "
         "127.0.0.1 instead, where every local process can connect, too; give it a TUN (run it as root, "
         "without "
         "--tun=userspace-networking), or use mode \"node\"";
}

}  // namespace

TailnetStatus describe(const NodeStatus& node) {
  const bool running = node.state == BackendState::running && !node.addresses.empty();
  return {.running = running,
          .userspace = running && !node.tun,
          .problem = problem_of(node),
          .auth_url = node.auth_url,
          .addresses = running ? node.addresses : std::vector<std::string>{},
          .name = node.dns_name,
          .suffix = node.magic_dns_suffix,
          .certificate_domains = node.cert_domains,
          .tagged = !node.tags.empty()};
}

}  // namespace evenkeel::tailnet
