#include "load/connection.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/socket.h>
#include <utility>

namespace evenkeel::bench {

Connection::Connection(uv_loop_t* loop, net::Fd fd, net::SslPtr ssl)
    : fd_(std::move(fd)),
      ssl_(std::move(ssl)),
      poll_(net::make_handle<uv_poll_t>(uv_poll_init, loop, fd_.get())) {
  if (!poll_) {
    std::fprintf(stderr, "libuv cannot watch a socket\n");
    std::exit(3);
  }
  poll_->data = this;
  // A failure is reported as readable: reading tells.
  uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<Connection*>(handle->data)->on_readable();
  });
}

ssize_t Connection::read(std::span<char> into) noexcept {
  if (ssl_) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &count) == 1) return static_cast<ssize_t>(count);
    return SSL_get_error(ssl_.get(), 0) == SSL_ERROR_WANT_READ ? 0 : -1;
  }
  const ssize_t count = ::recv(fd(), into.data(), into.size(), 0);
  if (count > 0) return count;
  return count < 0 && errno == EAGAIN ? 0 : -1;
}

bool Connection::write(std::string_view bytes) noexcept {
  std::size_t taken = 0;
  if (ssl_) return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken) == 1;
  return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace evenkeel::bench
