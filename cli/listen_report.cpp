#include "listen_report.hpp"

#include <array>

#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

// What ss(8) lists of the port: all of its range, and only its transport.
std::string listing(const PortSpec& port) {
  const std::string_view sockets = port.protocol == Protocol::udp ? "-lunp" : "-ltnp";
  if (port.port_count <= 1) return fmt::format("ss {} 'sport = :{}'", sockets, port.port);
  return fmt::format("ss {} 'sport >= :{} and sport <= :{}'", sockets, port.port,
                     port.port + port.port_count - 1);
}

}  // namespace

std::string listen_hint(const PortSpec& port, const Error& error) {
  switch (error.code) {
    case ErrorCode::address_in_use:
      return fmt::format("another program (or another evenkeel) holds {}; `{}` as root shows which",
                         port.port_count > 1 ? "one of them" : "it", listing(port));
    case ErrorCode::permission_denied:
      return fmt::format(
          "ports below 1024 need a privilege: `setcap cap_net_bind_service=+ep` on the binary, "
          "AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, or "
          "`sysctl net.ipv4.ip_unprivileged_port_start={}`",
          port.port);
    case ErrorCode::address_not_available:
      return fmt::format("{} is not an address of this machine; `ip address` lists those that are",
                         port.listen);
    case ErrorCode::out_of_descriptors:
      return "the process may open no more files; raise its limit (`ulimit -Hn`, LimitNOFILE= in systemd)";
    case ErrorCode::invalid_argument:
      return "what the spec says to listen on has to be an IPv4 or IPv6 address, not a name";
    default:
      return "the system gave this reason; the port, its address and the network set-up are to be looked at";
  }
}

std::string address_text(const PortSpec& port) {
  const bool v6 = port.listen.find(':') != std::string::npos;
  std::string text = fmt::format("{}{}{}:{}", v6 ? "[" : "", port.listen, v6 ? "]" : "", port.port);
  if (port.port_count > 1) text += fmt::format("-{}", port.port + port.port_count - 1);
  return text;
}

std::string place_text(const PortSpec& port) {
  if (port.tailnet.mode == TailnetMode::off) return address_text(port);
  PortSpec there = port;
  there.listen = port.tailnet.mode == TailnetMode::node ? port.tailnet.hostname : "tailnet";
  return address_text(there);
}

void report_cannot_listen(LogOutput& log, const PortSpec& port, const Error& error) {
  const std::string address = address_text(port);
  const std::string reason = describe(error);
  const std::string hint = listen_hint(port, error);
  const std::array<LogField, 5> fields{{
      {"proxy", port.proxy},
      {"port", port.key},
      {"address", address},
      {"reason", reason},
      {"hint", hint},
  }};
  log.log(LogLevel::error, "cannot_listen", fields);
}

}  // namespace evenkeel::cli
