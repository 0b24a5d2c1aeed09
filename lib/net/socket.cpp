#include "net/socket.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace evenkeel::net {
namespace {

void set_flag(int fd, int level, int option) noexcept {
  set_option(fd, level, option, 1);
}

Result<Fd> bind_socket(int type, const SocketAddress& address, bool reuse_port) noexcept {
  Fd fd(::socket(address.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(setup_error(errno));
  // With datagrams it would let two of us have the port, whoever binds last.
  if (type == SOCK_STREAM) set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port) set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  // "::" means IPv6 only: a spec that wants both families says so with two ports.
  if (address.storage.ss_family == AF_INET6) set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(fd.get(), address.raw(), address.length) != 0) return std::unexpected(setup_error(errno));
  return fd;
}

}  // namespace

Result<Fd> bind_stream(const SocketAddress& address, bool reuse_port) noexcept {
  return bind_socket(SOCK_STREAM, address, reuse_port);
}

Result<Fd> bind_datagram(const SocketAddress& address, bool reuse_port) noexcept {
  return bind_socket(SOCK_DGRAM, address, reuse_port);
}

Result<Fd> listen_stream(const SocketAddress& address, const ListenOptions& options) noexcept {
  Result<Fd> fd = bind_stream(address, options.reuse_port);
  if (!fd) return fd;
  if (::listen(fd->get(), options.backlog) != 0) return std::unexpected(setup_error(errno));
  if (const Result<void> ready = prepare_listening(fd->get()); !ready) return std::unexpected(ready.error());
  return fd;
}

Result<void> prepare_listening(int fd) noexcept {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    return std::unexpected(setup_error(errno));
  }
  if (listens == 0) return std::unexpected(setup_error(EINVAL));
  // Accepted sockets inherit it: one system call a connection saved.
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  return set_non_blocking(fd);
}

Result<void> set_non_blocking(int fd) noexcept {
  int on = 1;
  if (::ioctl(fd, FIONBIO, &on) != 0) return std::unexpected(setup_error(errno));
  return {};
}

Result<Accepted> accept_stream(int listener) noexcept {
  Accepted accepted;
  accepted.peer.length = sizeof accepted.peer.storage;
  const int fd =
      ::accept4(listener, accepted.peer.raw(), &accepted.peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return std::unexpected(setup_error(errno));
  accepted.fd = Fd(fd);
  return accepted;
}

bool has_waiting(int listener) noexcept {
  pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) != 0;  // when in doubt, accepting will tell
}

Result<Connecting> connect_stream(const SocketAddress& address) noexcept {
  Connecting connecting{
      Fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  if (!connecting.fd) return std::unexpected(setup_error(errno));
  if (address.storage.ss_family != AF_UNIX) set_flag(connecting.fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (::connect(connecting.fd.get(), address.raw(), address.length) == 0) {
    connecting.done = true;
  } else if (errno != EINPROGRESS) {
    return std::unexpected(connect_error(errno));
  }
  return connecting;
}

Result<void> connect_result(int fd) noexcept {
  int os_error = 0;
  socklen_t length = sizeof os_error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_error, &length) != 0) os_error = errno;
  if (os_error != 0) return std::unexpected(connect_error(os_error));
  return {};
}

bool is_quiet(int fd) noexcept {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block(errno);
}

void set_option(int fd, int level, int option, int value) noexcept {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void set_low_water(int fd, std::size_t bytes) noexcept {
  set_option(fd, SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(bytes));
}

void set_no_delay(int fd, bool on) noexcept {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

void set_keep_alive(int fd, const KeepAliveTimes& times) noexcept {
  const auto seconds = [](std::chrono::milliseconds time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(times.after));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(times.interval));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(times.probes));
}

Result<SocketAddress> local_address(int fd) noexcept {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(fd, address.raw(), &address.length) != 0) return std::unexpected(setup_error(errno));
  return address;
}

Error setup_error(int os_error) noexcept {
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
    case EINVAL:
      code = ErrorCode::invalid_argument;
      break;
    default:
      break;
  }
  return {code, Fault::us, false, os_error};
}

Error connect_error(int os_error) noexcept {
  switch (os_error) {
    case ECONNREFUSED:
    case ENOENT:  // a Unix socket that is not there: nobody listens
      return {ErrorCode::connect_refused, Fault::target, true, os_error};
    case ETIMEDOUT:
      return {ErrorCode::connect_timeout, Fault::target, true, os_error};
    case EMFILE:
    case ENFILE:
      return {ErrorCode::out_of_descriptors, Fault::us, true, os_error};
    default:
      return {ErrorCode::connect_failed, Fault::target, true, os_error};
  }
}

Error io_error(int os_error, Fault fault) noexcept {
  const bool gone = os_error == ECONNRESET || os_error == EPIPE;
  return {gone ? ErrorCode::connection_reset : ErrorCode::system, fault, false, os_error};
}

}  // namespace evenkeel::net
