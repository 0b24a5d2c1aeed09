#include "discovery/container.hpp"

#include <algorithm>
#include <utility>

#include "local/json.hpp"

namespace evenkeel::discovery {
namespace {

using local::Json;
using local::member;
using local::string_member;

std::int64_t number_member(const Json& json, std::string_view key) {
  const Json* const value = member(json, key);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

std::uint16_t port_member(const Json& json, std::string_view key) {
  const std::int64_t value = number_member(json, key);
  return value > 0 && value <= UINT16_MAX ? static_cast<std::uint16_t>(value) : std::uint16_t{0};
}

// The list has the state of a HEALTHCHECK only in the words that `docker ps` shows: "Up 2 hours (unhealthy)".
bool takes_work(const Json& json) {
  const std::string status = string_member(json, "Status");
  return string_member(json, "State") == "running" && !status.contains("(unhealthy)") &&
         !status.contains("(health: starting)");
}

void read_labels(const Json& json, Container& container) {
  const Json* const labels = member(json, "Labels");
  if (labels == nullptr || !labels->is_object()) return;
  for (const auto& [key, value] : labels->items()) {
    if (value.is_string()) container.labels.emplace(key, value.get<std::string>());
  }
}

void read_networks(const Json& json, Container& container) {
  const Json* const settings = member(json, "NetworkSettings");
  const Json* const networks = settings == nullptr ? nullptr : member(*settings, "Networks");
  if (networks == nullptr || !networks->is_object()) return;
  for (const auto& [name, network] : networks->items()) {
    std::string address = string_member(network, "IPAddress");
    if (address.empty()) address = string_member(network, "GlobalIPv6Address");
    if (!address.empty()) container.addresses.emplace(name, std::move(address));
  }
}

// A port that is published for IPv4 and for IPv6 is there twice.
void read_ports(const Json& json, Container& container) {
  const Json* const ports = member(json, "Ports");
  if (ports == nullptr || !ports->is_array()) return;
  for (const Json& port : *ports) {
    const std::string type = string_member(port, "Type");
    if (type != "tcp" && type != "udp") continue;
    container.ports.push_back(
        {port_member(port, "PrivatePort"), port_member(port, "PublicPort"), type == "udp"});
  }
}

Container read_container(const Json& json) {
  Container container;
  container.id = string_member(json, "Id");
  container.created = number_member(json, "Created");
  const std::vector<std::string> names = local::strings_member(json, "Names");
  // Links of other containers are names, too, with a second slash.
  const auto own = std::ranges::find_if(names, [](const std::string& name) { return name.rfind('/') == 0; });
  if (own != names.end()) container.name = own->substr(1);
  read_labels(json, container);
  read_networks(json, container);
  read_ports(json, container);
  const Json* const host = member(json, "HostConfig");
  container.has_own_network = host == nullptr || string_member(*host, "NetworkMode") != "host";
  container.takes_work = takes_work(json);
  return container;
}

}  // namespace

base::OrReason<std::vector<Container>> read_containers(std::string_view text) {
  const auto json = local::read_json(text);
  if (!json || !json->is_array()) return std::unexpected("is not a list of containers");
  std::vector<Container> all;
  for (const Json& each : *json) {
    const std::string state = string_member(each, "State");
    if (state == "running" || state == "paused") all.push_back(read_container(each));
  }
  // dockerd lists the newest first, and knows who was first within a second.
  std::ranges::reverse(all);
  std::ranges::stable_sort(all, {}, &Container::created);
  return all;
}

ContainerEvent read_event(std::string_view line) {
  const auto json = local::read_json(line);
  if (!json || !json->is_object()) return {};
  ContainerEvent event;
  event.time = number_member(*json, "time");
  if (string_member(*json, "Type") != "container") return event;
  event.action = string_member(*json, "Action");
  if (const Json* const actor = member(*json, "Actor")) {
    event.id = string_member(*actor, "ID");
    if (const Json* const attributes = member(*actor, "Attributes"))
      event.signal = string_member(*attributes, "signal");
  }
  return event;
}

}  // namespace evenkeel::discovery
