#include "tailnet/node_status.hpp"

#include <algorithm>
#include <array>

#include "tailnet/local.hpp"

namespace evenkeel::tailnet {
namespace {

constexpr std::array<std::string_view, 7> state_names = {
    "NoState", "InUseOtherUser", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running",
};

}  // namespace

std::string_view to_string(BackendState state) noexcept {
  return state_names[static_cast<std::size_t>(state)];
}

base::OrReason<NodeStatus> read_status(std::string_view json) {
  const std::optional<Json> document = read_json(json);
  if (!document) return std::unexpected("is not JSON");
  const std::string state = string_member(*document, "BackendState");
  const auto* const found = std::ranges::find(state_names, std::string_view(state));
  if (found == state_names.end()) return std::unexpected("has no BackendState that is known");

  NodeStatus status;
  status.state = static_cast<BackendState>(found - state_names.begin());
  status.version = string_member(*document, "Version");
  status.auth_url = string_member(*document, "AuthURL");
  status.tun = bool_member(*document, "TUN");
  status.addresses = strings_member(*document, "TailscaleIPs");
  status.cert_domains = strings_member(*document, "CertDomains");
  status.health = strings_member(*document, "Health");
  if (const Json* tailnet = member(*document, "CurrentTailnet")) {
    status.magic_dns_suffix = without_trailing_dot(string_member(*tailnet, "MagicDNSSuffix"));
  }
  if (const Json* self = member(*document, "Self")) {
    status.online = bool_member(*self, "Online");
    status.dns_name = without_trailing_dot(string_member(*self, "DNSName"));
    status.tags = strings_member(*self, "Tags");
    if (status.addresses.empty()) status.addresses = strings_member(*self, "TailscaleIPs");
  }
  return status;
}

base::OrReason<BusNotice> read_bus_line(std::string_view line) {
  const std::optional<Json> json = read_json(line);
  if (!json || !json->is_object()) return std::unexpected("is no JSON object");
  BusNotice notice;
  if (const Json* state = member(*json, "State")) {
    const auto number = state->is_number_unsigned() ? state->get<std::uint64_t>() : state_names.size();
    if (number >= state_names.size()) return std::unexpected("has a State that is not known");
    notice.state = static_cast<BackendState>(number);
  }
  notice.auth_url = string_member(*json, "BrowseToURL");
  notice.error = string_member(*json, "ErrMessage");
  // Not Login itself: its end is LoginFinished, and a netmap follows.
  notice.node_changed = member(*json, "SelfChange") != nullptr || member(*json, "NetMap") != nullptr ||
                        member(*json, "LoginFinished") != nullptr;
  notice.prefs_changed = member(*json, "Prefs") != nullptr;
  return notice;
}

}  // namespace evenkeel::tailnet
