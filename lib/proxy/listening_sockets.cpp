#include "evenkeel/listening_sockets.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel {

ListeningSockets::ListeningSockets() noexcept = default;

ListeningSockets::~ListeningSockets() {
  close();
}

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})) {}

ListeningSockets& ListeningSockets::operator=(ListeningSockets&& other) noexcept {
  std::swap(sockets_, other.sockets_);
  other.close();
  return *this;
}

void ListeningSockets::close() noexcept {
  for (const ListeningSocket& socket : sockets_) ::close(socket.descriptor);
  sockets_.clear();
}

void ListeningSockets::add(ListeningSocket socket) {
  net::Fd fd(socket.descriptor);
  sockets_.push_back(socket);
  (void)fd.release();
}

Result<void> ListeningSockets::add_copy(ListeningSocket socket) {
  socket.descriptor = ::fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0);
  if (socket.descriptor < 0) return std::unexpected(net::setup_error(errno));
  add(socket);
  return {};
}

std::vector<ListeningSocket> ListeningSockets::take() noexcept {
  return std::exchange(sockets_, {});
}

}  // namespace evenkeel
