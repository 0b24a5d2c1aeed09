#include "transport_report.hpp"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "duration_text.hpp"

namespace evenkeel::cli {
namespace {

std::string_view name_of(ProxyVersion version) noexcept {
  switch (version) {
    case ProxyVersion::none:
      break;
    case ProxyVersion::v1:
      return "v1";
    case ProxyVersion::v2:
      return "v2";
  }
  return "none";
}

std::string_view name_of(Affinity affinity) noexcept {
  return affinity == Affinity::ip ? "ip" : "ip+port";
}

std::string idle_text(std::chrono::milliseconds idle) {
  return idle.count() == 0 ? "never idle" : "idle " + duration_text(idle);
}

// Only where the client decides.
std::string affinity_text(const PortSpec& port, std::string_view by) {
  if (port.strategy != "hash") return "";
  std::string text = fmt::format(", a target by {}", by);
  if (port.hash_balance_factor != 0)
    text += fmt::format(" up to {} % of its share", port.hash_balance_factor);
  return text;
}

// As the spec writes it.
std::string name_of(const HashKey& key) {
  switch (key.by) {
    case HashKey::By::ip:
      return "ip";
    case HashKey::By::uri:
      return "uri";
    case HashKey::By::header:
      return "header:" + key.name;
    case HashKey::By::cookie:
      return "cookie:" + key.name;
  }
  return "";
}

std::string http_text(const PortSpec& port) {
  std::string text = affinity_text(port, name_of(port.http.hash_key));
  const StickyOptions& sticky = port.http.sticky;
  if (!sticky.cookie.empty()) text += fmt::format(", sticky by cookie {}", sticky.cookie);
  return text.empty() ? text : text.substr(2);
}

Json http_json(const HttpOptions& http) {
  Json json{{"hash_key", name_of(http.hash_key)}, {"sticky", nullptr}};
  if (!http.sticky.cookie.empty()) {
    json["sticky"] = {{"cookie", http.sticky.cookie}, {"max_age_s", http.sticky.max_age.count()}};
  }
  return json;
}

std::string tcp_text(const PortSpec& port) {
  const TcpOptions& tcp = port.tcp;
  std::string text =
      fmt::format("{}, connect {} ({} in all)", idle_text(tcp.timeouts.idle),
                  duration_text(tcp.timeouts.connect), duration_text(tcp.timeouts.connect_deadline));
  text += tcp.keep_alive.on ? ", keep-alive after " + duration_text(tcp.keep_alive.after) : ", no keep-alive";
  const TcpLimits& limits = tcp.limits;
  if (limits.connections != 0) text += fmt::format(", up to {} connections", limits.connections);
  if (limits.connections_per_target != 0) {
    text += fmt::format(", up to {} a target", limits.connections_per_target);
  }
  if (limits.queue != 0) {
    text += fmt::format(", {} may wait {}", limits.queue, duration_text(tcp.timeouts.queue));
  }
  if (tcp.timeouts.drain.count() != 0) text += ", drain " + duration_text(tcp.timeouts.drain);
  if (tcp.proxy_protocol != ProxyVersion::none) {
    text += fmt::format(", PROXY {} to targets", name_of(tcp.proxy_protocol));
  }
  std::string_view before = ", PROXY header due from ";
  for (const std::string& peer : tcp.accept_proxy_protocol) {
    text.append(std::exchange(before, " ")).append(peer);
  }
  return text + affinity_text(port, name_of(tcp.affinity));
}

std::string udp_text(const PortSpec& port) {
  const UdpOptions& udp = port.udp;
  std::string text = fmt::format("{}, up to {} sessions", idle_text(udp.idle), udp.sessions);
  if (udp.replies != 0) text += fmt::format(", {} repl{}", udp.replies, udp.replies == 1 ? "y" : "ies");
  return text + affinity_text(port, name_of(udp.affinity));
}

Json tcp_json(const TcpOptions& tcp) {
  Json json{{"connect_ms", tcp.timeouts.connect.count()},
            {"connect_deadline_ms", tcp.timeouts.connect_deadline.count()},
            {"idle_ms", tcp.timeouts.idle.count()},
            {"queue_ms", tcp.timeouts.queue.count()},
            {"proxy_header_ms", tcp.timeouts.proxy_header.count()},
            {"drain_ms", tcp.timeouts.drain.count()},
            {"connections", tcp.limits.connections},
            {"connections_per_target", tcp.limits.connections_per_target},
            {"queue", tcp.limits.queue},
            {"no_delay", tcp.no_delay},
            {"proxy_protocol", name_of(tcp.proxy_protocol)},
            {"accept_proxy_protocol", tcp.accept_proxy_protocol},
            {"affinity", name_of(tcp.affinity)},
            {"keep_alive", nullptr}};
  if (tcp.keep_alive.on) {
    json["keep_alive"] = {{"after_ms", tcp.keep_alive.after.count()},
                          {"interval_ms", tcp.keep_alive.interval.count()},
                          {"probes", tcp.keep_alive.probes}};
  }
  return json;
}

Json udp_json(const UdpOptions& udp) {
  return {{"idle_ms", udp.idle.count()},
          {"sessions", udp.sessions},
          {"replies", udp.replies},
          {"receive_buffer", udp.receive_buffer},
          {"affinity", name_of(udp.affinity)}};
}

}  // namespace

std::string transport_text(const PortSpec& port) {
  switch (port.protocol) {
    case Protocol::http:
    case Protocol::https:
      return http_text(port);
    case Protocol::tcp:
      return tcp_text(port);
    case Protocol::udp:
      return udp_text(port);
  }
  return {};
}

Json transport_json(const PortSpec& port) {
  switch (port.protocol) {
    case Protocol::http:
    case Protocol::https:
      return http_json(port.http);
    case Protocol::tcp:
      return tcp_json(port.tcp);
    case Protocol::udp:
      return udp_json(port.udp);
  }
  return nullptr;
}

}  // namespace evenkeel::cli
