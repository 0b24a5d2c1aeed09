// The JSON port spec, read into plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/dns_discovery.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/health_monitor.hpp"
#include "evenkeel/http_proxy.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/tailnet.hpp"
#include "evenkeel/target.hpp"
#include "evenkeel/target_pool.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/tls.hpp"
#include "evenkeel/udp_proxy.hpp"

namespace evenkeel {

enum class Protocol : std::uint8_t { http, https, tcp, udp };

EVENKEEL_API std::string_view to_string(Protocol protocol) noexcept;

// Where a spec says what can only be tried later, as JSON pointers: files that must be there, a kind of
// tailnet that not every build has. Empty where it says nothing of the kind.
struct SpecPlaces {
  std::string certificates;  // of the array
  std::string client_ca;
  std::string target_ca;
  std::string tailnet;
  friend bool operator==(const SpecPlaces&, const SpecPlaces&) = default;
};

// One port of one proxy, every default filled in.
struct PortSpec {
  std::string proxy;  // "myapp"
  std::string key;    // "80/http", as the spec spells it
  Protocol protocol = Protocol::http;
  std::uint16_t port = 0;
  std::uint16_t port_count = 1;           // a range, from `port` on; at most max_port_range
  std::string listen = "127.0.0.1";       // IP literal
  std::string strategy = "roundrobin";    // "hash" for udp
  std::uint32_t hash_balance_factor = 0;  // as StrategyArgs::hash_balance_factor
  std::vector<Target> targets;            // empty for a redirect
  PoolOptions pool;
  HealthOptions health;  // type none: targets are taken to be up
  OutlierOptions outlier;
  // Those of `protocol` count; `http` is for https, too.
  HttpOptions http;
  TcpOptions tcp;
  UdpOptions udp;
  // What HttpOptions::tls (https) and HttpOptions::target_tls, HealthOptions::tls (http and https) are to be
  // made of. No file was touched yet: the paths are as the spec has them.
  TlsServerOptions tls;
  TlsClientOptions target_tls;
  SpecPlaces places;
  // Off, or the addresses are those of a node of a tailnet, and `listen` says nothing. An https port without
  // certificates has the node's.
  TailnetSpec tailnet;
  // What HttpOptions::identity_headers, and `allow` of HttpOptions or TcpOptions, are to be made of: nothing
  // without a tailnet.
  IdentityHeaders identity_headers = IdentityHeaders::none;
  std::vector<std::string> allow;  // entries of an AccessList, each of them right; empty: everybody
};

// Where the process tells of itself and takes orders.
struct AdminSpec {
  bool on = true;
  std::optional<std::string> socket =
      {};                   // a Unix socket's path; the usual one when nobody said, none when empty
  std::string listen = {};  // loopback IP literal; empty: not over TCP
  std::uint16_t port = 0;
  std::string token = {};  // that is asked for over TCP: "file:PATH" or "env:NAME"
  friend bool operator==(const AdminSpec&, const AdminSpec&) = default;
};

// Where containers are reached.
enum class DockerReach : std::uint8_t {
  container,  // at their own addresses: from the same machine, or from a network of theirs
  published,  // at the ports that are published for them
};

struct DockerOptions {
  std::string socket = "/var/run/docker.sock";
  DockerReach reach = DockerReach::container;
  std::string network = {};  // whose addresses count; the first one's by name when empty
  std::string target_host =
      "127.0.0.1";  // where published ports are, and those of containers without a network of their own
  friend bool operator==(const DockerOptions&, const DockerOptions&) = default;
};

// Where ports come from besides the spec, and targets besides what it names.
struct DiscoverySpec {
  std::string files = {};                        // a directory of fragments; none when empty
  std::optional<DnsOptions> dns = DnsOptions{};  // how targets by name are followed; nullopt: they are not
  std::optional<DockerOptions> docker = {};      // containers whose labels are read; none: nullopt
  friend bool operator==(const DiscoverySpec&, const DiscoverySpec&) = default;
};

struct Config {
  std::vector<PortSpec> ports;                      // in the order of the spec
  unsigned workers = 0;                             // worker loops; 0: one a core
  std::chrono::milliseconds drain_timeout{30'000};  // how long SIGTERM waits for work under way
  AdminSpec admin;
  DiscoverySpec discovery;
  TailnetSpec tailnet = {};  // at the top of the spec, which fragments inherit; off without one
};

// The strategy that the port asks for, with its options. unknown_strategy where a program has put another
// name there.
EVENKEEL_API Result<StrategyMaker> strategy_of(const PortSpec& port);

// One mistake in a spec.
struct SpecError {
  std::string pointer;   // RFC 6901, "/proxies/myapp/ports/80~1http/targets/0"; "" is the document
  std::string problem;   // what is wrong
  std::string expected;  // what would be right

  // "POINTER: problem; expected ...", the form the CLI prints.
  [[nodiscard]] EVENKEEL_API std::string text() const;
};

// Reads, validates and fills in defaults; reports every mistake it can find, in document order,
// never only the first. Comments (// and /* */) are allowed. Pure: touches no file, socket or clock.
EVENKEEL_API std::expected<Config, std::vector<SpecError>> parse_config(std::string_view text);

// One target by itself, as the "targets" of a port with this key ("80/http") have it: a URL in quotes, or an
// object. Pointers are within it. Pure, as parse_config().
EVENKEEL_API std::expected<Target, std::vector<SpecError>> parse_target(std::string_view text,
                                                                        std::string_view port_key);

// More of a spec, from elsewhere: an object with "proxies" and, for these alone, settings.
struct SpecFragment {
  std::string name;  // "web.json"; leads the pointers of its mistakes: "web.json#/proxies/web"
  std::string text;
};

// The spec with its fragments, which inherit its settings. None of them may listen where another does.
EVENKEEL_API std::expected<Config, std::vector<SpecError>> parse_config(
    std::string_view text, std::span<const SpecFragment> fragments);

}  // namespace evenkeel
