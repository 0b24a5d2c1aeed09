#include "net/connection.hpp"

#include <cerrno>
#include <climits>
#include <sys/socket.h>

#include "net/socket.hpp"

namespace evenkeel::net {

Result<void> Connection::open(Fd fd) noexcept {
  return open_watching(std::move(fd), io::readable);
}

Result<void> Connection::open_connecting(Fd fd) noexcept {
  connecting_ = true;
  return open_watching(std::move(fd), io::writable);
}

Result<void> Connection::open_watching(Fd fd, unsigned interest) noexcept {
  const Result<void> watched = reactor_.poller().watch(fd.get(), interest, *this);
  if (!watched) return watched;
  fd_ = std::move(fd);
  interest_ = static_cast<std::uint8_t>(interest);
  return {};
}

void Connection::close() noexcept {
  if (!fd_) return;
  reactor_.poller().forget(fd_.get());
  fd_.reset();
  unsent_.clear();
}

void Connection::abort() noexcept {
  if (!fd_) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

Result<std::size_t> Connection::read(std::span<char> into) noexcept {
  const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), 0);
  if (count < 0) return std::unexpected(io_error(errno, Fault::target));
  return static_cast<std::size_t>(count);
}

Result<void> Connection::write(std::string_view bytes) noexcept {
  const iovec slice{const_cast<char*>(bytes.data()), bytes.size()};
  return write(std::span(&slice, 1));
}

Result<void> Connection::write(std::span<const iovec> slices) noexcept {
  std::size_t sent = 0;
  if (unsent_.empty()) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(slices.data());
    message.msg_iovlen = std::min<std::size_t>(slices.size(), IOV_MAX);
    const ssize_t count = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      return std::unexpected(io_error(errno, Fault::target));
    }
    sent = count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  for (const iovec& slice : slices) {
    const std::size_t skip = std::min(sent, slice.iov_len);
    sent -= skip;
    if (skip == slice.iov_len) continue;
    if (!unsent_.append({static_cast<const char*>(slice.iov_base) + skip, slice.iov_len - skip})) {
      return std::unexpected(Error{ErrorCode::system, Fault::us, false, ENOMEM});
    }
  }
  if (!unsent_.empty()) set_interest(interest_ | io::writable);
  return {};
}

void Connection::shut_write() noexcept {
  shut_when_sent_ = true;
  if (unsent_.empty() && fd_) ::shutdown(fd_.get(), SHUT_WR);
}

bool Connection::flush() noexcept {
  while (!unsent_.empty()) {
    const std::string_view bytes = unsent_.view();
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        on_partly_sent();
        return true;
      }
      unsent_.clear();
      set_interest(interest_ & ~io::writable);
      return false;
    }
    unsent_.consume(static_cast<std::size_t>(count));
  }
  set_interest(interest_ & ~io::writable);
  if (shut_when_sent_) ::shutdown(fd_.get(), SHUT_WR);
  on_drained();
  return true;
}

void Connection::set_interest(unsigned interest) noexcept {
  if (interest == interest_ || !fd_) return;
  interest_ = static_cast<std::uint8_t>(interest);
  // Cannot fail: the descriptor is watched already, and changing a watch allocates nothing.
  (void)reactor_.poller().watch(fd_.get(), interest, *this);
}

void Connection::on_io(unsigned events) noexcept {
  if (connecting_) {
    connecting_ = false;
    on_connect();
    return;
  }
  const bool stopped = (events & io::failed) != 0;
  bool broken = stopped && (interest_ & io::readable) == 0;
  const bool asked = (interest_ & io::writable) != 0;
  if (asked && (events & io::writable) != 0 && !flush()) broken = true;
  // After a failure there may still be bytes to read: they come before the error.
  if (fd_ && (events & io::readable) != 0 && (interest_ & io::readable) != 0) on_readable();
  if (fd_ && broken) on_failed();
  if (fd_ && stopped && interest_ != io::none) (void)reactor_.poller().watch(fd_.get(), interest_, *this);
}

}  // namespace evenkeel::net
