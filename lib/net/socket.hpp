// Non-blocking sockets: making, binding, connecting, and errno as Error.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>

#include "evenkeel/error.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"

namespace evenkeel::net {

struct ListenOptions {
  bool reuse_port = false;
  int backlog = 4'096;
};

// address_in_use, address_not_available, permission_denied, out_of_descriptors, invalid_argument, system;
// all.
Result<Fd> bind_stream(const SocketAddress& address, bool reuse_port) noexcept;
Result<Fd> bind_datagram(const SocketAddress& address, bool reuse_port) noexcept;
Result<Fd> listen_stream(const SocketAddress& address, const ListenOptions& options) noexcept;

// Makes a socket that listens one of listen_stream(), whoever made it. invalid_argument when it does not
// listen.
Result<void> prepare_listening(int fd) noexcept;
Result<void> set_non_blocking(int fd) noexcept;

struct Accepted {
  Fd fd;
  SocketAddress peer;
  // Of connections that were handed over, whose sockets know nothing of it:
  SocketAddress local{};       // where the client thinks it connected to; no length: ask the socket
  bool from_internet = false;  // by Funnel: `peer` is no node of the tailnet
};
// The next waiting connection, non-blocking and with TCP_NODELAY. os_error is EAGAIN when none waits.
Result<Accepted> accept_stream(int listener) noexcept;

// How long accepting rests when it finds no descriptor or no memory.
inline constexpr std::chrono::milliseconds accept_pause{100};

// Whether another connection waits.
bool has_waiting(int listener) noexcept;

struct Connecting {
  Fd fd;
  bool done = false;  // connected already (Unix sockets, some loopback connects)
};
Result<Connecting> connect_stream(const SocketAddress& address) noexcept;

// How a connect that was under way ended, once the socket is writable.
Result<void> connect_result(int fd) noexcept;

// True when nothing is waiting to be read and the peer has not hung up: an idle connection that can
// carry a request.
bool is_quiet(int fd) noexcept;

// setsockopt(2) for an option that a kernel may do without.
void set_option(int fd, int level, int option, int value) noexcept;

// How many bytes must have come before the socket counts as readable (SO_RCVLOWAT); its end always does.
void set_low_water(int fd, std::size_t bytes) noexcept;

void set_no_delay(int fd, bool on) noexcept;

// SO_KEEPALIVE: the kernel asks a silent peer whether it is there. In whole seconds.
struct KeepAliveTimes {
  std::chrono::milliseconds after;
  std::chrono::milliseconds interval;
  std::uint32_t probes;
};
void set_keep_alive(int fd, const KeepAliveTimes& times) noexcept;

Result<SocketAddress> local_address(int fd) noexcept;

// Nothing to read, or no room to write, now.
inline bool would_block(int os_error) noexcept {
  return os_error == EAGAIN || os_error == EWOULDBLOCK;
}

// errno as an Error of setting a socket up.
Error setup_error(int os_error) noexcept;
// errno as an Error of a connection to a target: refused and unreachable are safe to retry.
Error connect_error(int os_error) noexcept;
// errno as an Error of a connection that was established.
Error io_error(int os_error, Fault fault) noexcept;

}  // namespace evenkeel::net
