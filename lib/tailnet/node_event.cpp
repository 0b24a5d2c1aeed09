#include "tailnet/node_event.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "tailnet/local.hpp"

namespace evenkeel::tailnet {
namespace {

using Kind = NodeEvent::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kinds{{
    {"state", Kind::status},
    {"error", Kind::complaint},
    {"listen", Kind::listen},
    {"drops", Kind::drops},
    {"whois", Kind::whois},
    {"cert", Kind::certificate},
    {"log", Kind::says},
}};

constexpr std::array<std::pair<std::string_view, TailnetState>, 6> states{{
    {"Starting", TailnetState::starting},
    {"NeedsLogin", TailnetState::needs_login},
    {"NeedsMachineAuth", TailnetState::needs_approval},
    {"Running", TailnetState::running},
    {"Stopped", TailnetState::stopped},
    {"Failed", TailnetState::failed},
}};

std::int64_t number_member(const Json& json, std::string_view key) {
  const Json* value = member(json, key);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

std::uint64_t count_member(const Json& json, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number_member(json, key), 0));
}

base::OrReason<TailnetNodeStatus> read_node_status(const Json& json) {
  const std::string name = string_member(json, "state");
  const auto* found = std::ranges::find(states, name, &std::pair<std::string_view, TailnetState>::first);
  if (found == states.end()) return std::unexpected("names a state that is not known");
  TailnetNodeStatus status;
  status.state = found->second;
  status.login_url = string_member(json, "authUrl");
  status.addresses = strings_member(json, "addresses");
  status.dns_name = string_member(json, "dnsName");
  status.cert_domains = strings_member(json, "certDomains");
  status.error = string_member(json, "error");
  status.health = strings_member(json, "health");
  return status;
}

std::shared_ptr<const Identity> read_identity(const Json& json) {
  if (!bool_member(json, "found")) return nullptr;
  auto identity = std::make_shared<Identity>();
  identity->login = string_member(json, "login");
  identity->name = string_member(json, "displayName");
  identity->picture = string_member(json, "profilePic");
  identity->node = without_trailing_dot(string_member(json, "nodeName"));
  identity->tags = strings_member(json, "tags");
  return identity;
}

}  // namespace

base::OrReason<NodeEvent> read_node_event(std::string_view line) {
  const std::optional<Json> json = read_json(line);
  if (!json || !json->is_object()) return std::unexpected("is no JSON object");
  NodeEvent event;
  const std::string name = string_member(*json, "event");
  const auto* kind = std::ranges::find(kinds, name, &std::pair<std::string_view, Kind>::first);
  if (kind == kinds.end()) return event;
  event.kind = kind->second;
  event.id = number_member(*json, "id");
  event.error = string_member(*json, "error");
  switch (event.kind) {
    case Kind::status: {
      base::OrReason<TailnetNodeStatus> status = read_node_status(*json);
      if (!status) return std::unexpected(status.error());
      event.status = *std::move(status);
      break;
    }
    case Kind::drops:
      event.to_host = count_member(*json, "toHost");
      event.from_host = count_member(*json, "fromHost");
      break;
    case Kind::whois:
      event.identity = read_identity(*json);
      break;
    case Kind::certificate:
      event.text = string_member(*json, "pem");
      event.retry_after = std::chrono::seconds(std::min<std::uint64_t>(
          count_member(*json, "retryAfter"), std::numeric_limits<std::int32_t>::max()));
      break;
    case Kind::says:
      event.text = string_member(*json, "text");
      event.lost = count_member(*json, "lost");
      break;
    case Kind::complaint:
    case Kind::listen:
    case Kind::other:
      break;
  }
  return event;
}

}  // namespace evenkeel::tailnet
