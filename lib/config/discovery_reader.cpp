#include "config/discovery_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/host_name.hpp"
#include "config/ip_and_port.hpp"

namespace evenkeel::config {
namespace {

void read_files(const Cursor& at, DiscoverySpec& out) {
  constexpr std::string_view form = "the absolute path of a directory, such as \"/etc/evenkeel/conf.d\"";
  auto path = at.string(form);
  if (!path) return;
  if (!path->starts_with('/') || path->contains('\0')) return at.fail_value(std::string(form));
  out.files = std::move(*path);
}

void read_servers(const Cursor& at, DnsOptions& out) {
  constexpr std::size_t most = 16;
  constexpr std::string_view form =
      "the address of a DNS server, such as \"10.0.0.53\" or \"[fd00::53]:5353\"";
  std::vector<std::string> servers;
  if (!at.is_array("an array of DNS servers")) return;
  if (at.json().size() > most) {
    at.fail("holds " + std::to_string(at.json().size()) + " servers", "at most " + std::to_string(most));
    return;
  }
  at.each_element([&](const Cursor& element) {
    const auto text = element.string(form);
    if (!text) return;
    const auto server = read_ip_and_port(*text);
    if (!server) return element.fail_value(std::string(form));
    const std::string host = server->ip.contains(':') ? '[' + server->ip + ']' : server->ip;
    servers.push_back(server->port == 0 ? host : host + ':' + std::to_string(server->port));
  });
  out.servers = std::move(servers);
}

void read_prefer(const Cursor& at, DnsOptions& out) {
  static constexpr std::string_view names[] = {"ipv4", "ipv6"};
  static constexpr AddressFamily families[] = {AddressFamily::ipv4, AddressFamily::ipv6};
  if (const auto index = at.choice("kind of address", names)) out.prefer = families[*index];
}

void read_dns(const Cursor& at, DiscoverySpec& out) {
  if (at.json() == false) {
    out.dns.reset();
    return;
  }
  if (!at.is_object("an object, or false")) return;
  DnsOptions dns;
  read_members(at, Table<DnsOptions>{dns_fields(), dns});
  if (dns.max_ttl < dns.min_ttl)
    at.fail("has a \"maxTtl\" that is less than its \"minTtl\"", "as much, or more");
  out.dns = std::move(dns);
}

void read_docker_host(const Cursor& at, DockerOptions& out) {
  constexpr std::string_view form = "the socket of dockerd, such as \"unix:///var/run/docker.sock\"";
  constexpr std::string_view scheme = "unix://";
  constexpr std::size_t longest = 107;  // sockaddr_un
  const auto text = at.string(form);
  if (!text) return;
  const std::string_view path = std::string_view(*text).substr(std::min(scheme.size(), text->size()));
  const bool is_path = text->starts_with(scheme) && path.starts_with('/') && path.size() <= longest;
  if (!is_path || path.contains('\0')) return at.fail_value(std::string(form));
  out.socket = path;
}

void read_reach(const Cursor& at, DockerOptions& out) {
  static constexpr std::string_view names[] = {"container", "published"};
  static constexpr DockerReach reaches[] = {DockerReach::container, DockerReach::published};
  if (const auto index = at.choice("way to reach containers", names)) out.reach = reaches[*index];
}

void read_network(const Cursor& at, DockerOptions& out) {
  if (auto name = at.string("the name of a network of Docker")) out.network = std::move(*name);
}

void read_target_host(const Cursor& at, DockerOptions& out) {
  if (auto host = read_host_name(at)) out.target_host = *std::move(host);
}

void read_docker(const Cursor& at, DiscoverySpec& out) {
  out.docker.reset();
  if (at.json() == false) return;
  out.docker.emplace();
  if (at.json() == true || !at.is_object("an object, or true or false")) return;
  read_members(at, Table<DockerOptions>{docker_fields(), *out.docker});
}

}  // namespace

std::span<const Field<DockerOptions>> docker_fields() noexcept {
  static constexpr Field<DockerOptions> fields[] = {
      {"host", read_docker_host},
      {"reach", read_reach},
      {"network", read_network},
      {"targetHost", read_target_host},
  };
  return fields;
}

std::span<const Field<DnsOptions>> dns_fields() noexcept {
  static constexpr Field<DnsOptions> fields[] = {
      {"servers", read_servers},
      {"timeout", read_duration<&DnsOptions::timeout>},
      {"minTtl", read_duration<&DnsOptions::min_ttl>},
      {"maxTtl", read_duration<&DnsOptions::max_ttl>},
      {"prefer", read_prefer},
      {"maxAddresses", read_number<&DnsOptions::max_addresses, 1, 10'000>},
  };
  return fields;
}

std::span<const Field<DiscoverySpec>> discovery_fields() noexcept {
  static constexpr Field<DiscoverySpec> fields[] = {
      {"files", read_files},
      {"dns", read_dns},
      {"docker", read_docker},
  };
  return fields;
}

void read_discovery(const Cursor& at, Config& config) {
  read_object(at, discovery_fields(), config.discovery);
}

}  // namespace evenkeel::config
