// Sockets on 127.0.0.1 and numbers from a command line, for the programs of the benchmarks.
#pragma once

#include <arpa/inet.h>
#include <charconv>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "net/fd.hpp"

namespace evenkeel::bench {

// The whole of `text` as a number above zero.
template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number <= 0) return std::nullopt;
  return number;
}

inline std::optional<std::uint16_t> port_of(std::string_view text) noexcept {
  return number_of<std::uint16_t>(text);
}

inline sockaddr_in loopback(std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Empty on failure; errno tells. Accepted sockets inherit TCP_NODELAY, which saves a system call for each.
inline net::Fd listen_on(std::uint16_t port) noexcept {
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const sockaddr_in address = loopback(port);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const bool listens = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(fd.get(), 4'096) == 0;
  return listens ? std::move(fd) : net::Fd();
}

// Waits until it is connected; uv_poll makes it non-blocking. Empty on failure; errno tells.
inline net::Fd connect_to(std::uint16_t port) noexcept {
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const sockaddr_in address = loopback(port);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

// As connect_to(), from one of a few addresses by turns. Connections that were closed here keep their ports
// for a minute: with one source address the ports of this end would be used up within seconds, and finding
// one would cost more and more.
inline net::Fd connect_in_turn(unsigned turn, std::uint16_t port) noexcept {
  constexpr unsigned sources = 16;
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in own = loopback(0);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn % sources);
  const sockaddr_in address = loopback(port);
  ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const bool connected =
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return connected ? std::move(fd) : net::Fd();
}

}  // namespace evenkeel::bench
