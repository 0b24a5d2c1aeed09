#include "tailnet/serve_config.hpp"

#include <algorithm>

#include "tailnet/local.hpp"

namespace evenkeel::tailnet {
namespace {

constexpr int proxy_protocol_version = 2;

// The object at `key`, made when there is none. Null when something else is there.
Json* object_at(Json& parent, const std::string& key) {
  Json& value = parent[key];
  if (value.is_null()) value = Json::object();
  return value.is_object() ? &value : nullptr;
}

// Refused when the port is somebody else's; true when it had to be changed.
std::expected<bool, std::string> set_port(Json& tcp, const std::string& service, const ServicePort& port) {
  Json& handler = tcp[std::to_string(port.port)];
  if (handler.is_null()) handler = Json::object();
  const std::string place = "port " + std::to_string(port.port) + " of " + service;
  if (!handler.is_object()) return std::unexpected("tailscaled's serve-config has no handler at " + place);
  if (bool_member(handler, "HTTPS") || bool_member(handler, "HTTP") || member(handler, "TerminateTLS")) {
    return std::unexpected(
        place + " is served by tailscaled itself; clear it first: `tailscale serve clear " + service + "`");
  }
  const Json* version = member(handler, "ProxyProtocol");
  const bool has_header = version != nullptr && *version == proxy_protocol_version;
  const bool right_header = port.proxy_header ? has_header : version == nullptr || *version == 0;
  if (string_member(handler, "TCPForward") == port.forward && right_header) return false;
  handler["TCPForward"] = port.forward;
  if (port.proxy_header) {
    handler["ProxyProtocol"] = proxy_protocol_version;
  } else {
    handler.erase("ProxyProtocol");
  }
  return true;
}

}  // namespace

bool is_service_name(std::string_view name) noexcept {
  constexpr std::string_view prefix = "svc:";
  constexpr std::size_t max_label = 63;
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= max_label && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return c == '-' || is_alphanumeric(c); });
}

Edit with_services(std::string_view serve_config, std::span<const Service> services) {
  std::optional<Json> config = read_json(serve_config);
  if (config && config->is_null()) config = Json::object();  // nothing was ever served
  if (!config || !config->is_object()) return std::unexpected("tailscaled's serve-config is no JSON object");
  bool changed = false;
  for (const Service& service : services) {
    Json* all = object_at(*config, "Services");
    Json* own = all == nullptr ? nullptr : object_at(*all, service.name);
    if (own == nullptr) return std::unexpected("tailscaled's serve-config has Services of an unknown kind");
    if (bool_member(*own, "Tun")) {
      return std::unexpected(service.name + " is in TUN mode; clear it first: `tailscale serve clear " +
                             service.name + "`");
    }
    Json* tcp = object_at(*own, "TCP");
    if (tcp == nullptr) return std::unexpected("tailscaled's serve-config has a TCP of an unknown kind");
    for (const ServicePort& port : service.ports) {
      const std::expected<bool, std::string> set = set_port(*tcp, service.name, port);
      if (!set) return std::unexpected(set.error());
      changed = changed || *set;
    }
  }
  if (!changed) return std::nullopt;
  return config->dump();
}

Edit advertising(std::string_view prefs, std::span<const std::string> add,
                 std::span<const std::string> remove) {
  const std::optional<Json> json = read_json(prefs);
  if (!json || !json->is_object()) return std::unexpected("tailscaled's prefs are no JSON object");
  const Json* now = member(*json, "AdvertiseServices");
  const std::vector<std::string> before = strings_member(*json, "AdvertiseServices");
  if (now != nullptr && (!now->is_array() || now->size() != before.size())) {
    return std::unexpected("tailscaled's prefs have AdvertiseServices of an unknown kind");
  }
  std::vector<std::string> after = before;
  std::erase_if(after, [&](const std::string& name) { return std::ranges::count(remove, name) != 0; });
  for (const std::string& name : add) {
    if (std::ranges::count(after, name) == 0) after.push_back(name);
  }
  if (after == before) return std::nullopt;
  const Json patch = {{"AdvertiseServicesSet", true}, {"AdvertiseServices", after}};
  return patch.dump();
}

}  // namespace evenkeel::tailnet
