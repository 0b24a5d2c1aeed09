#include "listen_check.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <uv.h>

namespace evenkeel::cli {
namespace {

Error bind_error(int os_error) noexcept {
  ErrorCode code = ErrorCode::system;
  switch (os_error) {
    case EADDRINUSE:
      code = ErrorCode::address_in_use;
      break;
    case EADDRNOTAVAIL:
      code = ErrorCode::address_not_available;
      break;
    case EACCES:
    case EPERM:
      code = ErrorCode::permission_denied;
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::out_of_descriptors;
      break;
    default:
      break;
  }
  return {code, Fault::us, false, os_error};
}

int bind_as(const sockaddr* address, socklen_t length) noexcept {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->sa_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const int os_error = ::bind(fd, address, length) == 0 ? 0 : errno;
  ::close(fd);
  return os_error;
}

std::string advice(const PortSpec& port, const Error& error) {
  switch (error.code) {
    case ErrorCode::address_in_use:
      return fmt::format(
          "another program (or another evenkeel) holds it; `ss -ltnp 'sport = :{}'` as root shows which",
          port.port);
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

}  // namespace

std::string address_text(const PortSpec& port) {
  const bool v6 = port.listen.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", port.listen, v6 ? "]" : "", port.port);
}

Result<void> try_bind(const PortSpec& port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  int os_error = 0;
  if (uv_ip4_addr(port.listen.c_str(), port.port, &v4) == 0) {
    os_error = bind_as(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  } else if (uv_ip6_addr(port.listen.c_str(), port.port, &v6) == 0) {
    os_error = bind_as(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  } else {
    return std::unexpected(Error{ErrorCode::invalid_argument, Fault::us, false, 0});
  }
  if (os_error != 0) return std::unexpected(bind_error(os_error));
  return {};
}

void report_cannot_listen(LogOutput& log, const PortSpec& port, const Error& error) {
  const std::string address = address_text(port);
  const std::string reason = describe(error);
  const std::string hint = advice(port, error);
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
