#include "load/connection.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/socket.h>
#include <utility>

namespace evenkeel::bench {

Connection::Connection(uv_loop_t* loop, net::Fd fd)
    : fd_(std::move(fd)), poll_(net::make_handle<uv_poll_t>(uv_poll_init, loop, fd_.get())) {
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
  const ssize_t count = ::recv(fd(), into.data(), into.size(), 0);
  if (count > 0) return count;
  return count < 0 && errno == EAGAIN ? 0 : -1;
}

bool Connection::write(std::string_view bytes) noexcept {
  return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace evenkeel::bench
