#include "net/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
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
  was_reset_ = false;
  return {};
}

bool Connection::secure(SslPtr ssl) noexcept {
  tls_ = TlsStream::make(std::move(ssl), *this);
  if (!tls_) return false;
  securing_ = true;
  if (!tls_->is_server()) step_handshake();
  return true;
}

void Connection::close() noexcept {
  if (!fd_) return;
  // Best effort: without it the peer cannot tell the end from a cut.
  if (tls_) tls_->shut_write();
  tls_.reset();
  securing_ = false;
  reactor_.poller().close(std::move(fd_));
  unsent_.clear();
}

void Connection::abort() noexcept {
  if (!fd_) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  tls_.reset();
  close();
}

Result<std::size_t> Connection::read(std::span<char> into) noexcept {
  if (!tls_) return receive(into);
  const Result<std::size_t> count = tls_->read(into);
  if (tls_->has_more()) reactor_.poller().note_readable(fd_.get());
  return count;
}

bool Connection::is_quiet() noexcept {
  // What TLS has taken in already, bytes or an end, the socket knows nothing of.
  const bool has_news = tls_ && (tls_->holds_bytes() || tls_->has_more());
  if (!has_news && net::is_quiet(fd_.get())) return true;
  if (!tls_) return false;
  reactor_.poller().note_readable(fd_.get());
  char byte = 0;
  const Result<std::size_t> count = read({&byte, 1});
  return !count && would_block(count.error().os_error);
}

Result<std::size_t> Connection::receive(std::span<char> into) noexcept {
  const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), 0);
  if (count < 0) {
    const int os_error = errno;
    if (would_block(os_error)) reactor_.poller().used_up(fd_.get(), io::readable, true);
    return std::unexpected(io_error(os_error, Fault::target));
  }
  // Linux tells of a reset once, to whoever asks first. When that was a write, the end that a read finds
  // is no end of the stream.
  if (count == 0 && was_reset_) return std::unexpected(io_error(ECONNRESET, Fault::target));
  // The kernel gave less than there was room for, so it has no more: its next report will tell.
  const auto length = static_cast<std::size_t>(count);
  if (length < into.size()) reactor_.poller().used_up(fd_.get(), io::readable, false);
  return length;
}

Result<std::size_t> Connection::peek(std::span<char> into) noexcept {
  const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), MSG_PEEK);
  if (count >= 0) return static_cast<std::size_t>(count);
  const int os_error = errno;
  if (would_block(os_error)) reactor_.poller().used_up(fd_.get(), io::readable, true);
  return std::unexpected(io_error(os_error, Fault::target));
}

// TLS asks once more after each record. Whether that is worth a system call the poller knows.
Result<std::size_t> Connection::pull(std::span<char> into) noexcept {
  if (!reactor_.poller().is_ready(fd_.get())) return std::unexpected(io_error(EAGAIN, Fault::target));
  return receive(into);
}

bool Connection::push(std::string_view bytes) noexcept {
  // A peer that reads nothing can make TLS itself say something without end.
  if (unsent_.size() > max_unsent) return false;
  // One packet for all that a step of the handshake has to say.
  if (securing_) return unsent_.append(bytes);
  const iovec slice{const_cast<char*>(bytes.data()), bytes.size()};
  return send(std::span(&slice, 1)).has_value();
}

Result<void> Connection::write(std::span<const iovec> slices) noexcept {
  return tls_ ? tls_->write(slices, reactor_.record_buffer()) : send(slices);
}

Result<void> Connection::write(std::string_view bytes) noexcept {
  const iovec slice{const_cast<char*>(bytes.data()), bytes.size()};
  return write(std::span(&slice, 1));
}

// A slice costs the kernel more than copying a few dozen bytes costs us: short ones are joined.
std::span<const iovec> Connection::join_short(std::span<const iovec> slices,
                                              std::span<iovec, 2> joined) noexcept {
  const std::span<char> room = reactor_.write_buffer();
  std::size_t used = 0;
  std::size_t i = 0;
  for (; i < slices.size() && slices[i].iov_len <= room.size() - used; ++i) {
    std::memcpy(room.data() + used, slices[i].iov_base, slices[i].iov_len);
    used += slices[i].iov_len;
  }
  if (i + 1 < slices.size()) return slices;  // a long list of long ones
  joined[0] = {room.data(), used};
  if (i == slices.size()) return joined.first(1);
  joined[1] = slices[i];
  return joined;
}

ssize_t Connection::send_now(std::span<const iovec> slices) noexcept {
  std::array<iovec, 2> joined;
  if (slices.size() > 1) slices = join_short(slices, joined);
  if (slices.size() == 1) return ::send(fd_.get(), slices[0].iov_base, slices[0].iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(slices.data());
  message.msg_iovlen = std::min<std::size_t>(slices.size(), IOV_MAX);
  return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
}

Result<void> Connection::send(std::span<const iovec> slices) noexcept {
  std::size_t sent = 0;
  if (unsent_.empty()) {
    const ssize_t count = send_now(slices);
    if (count < 0 && !would_block(errno)) {
      was_reset_ = was_reset_ || errno == ECONNRESET;
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
  if (!unsent_.empty()) tell_when_writable();
  return {};
}

void Connection::tell_when_writable() noexcept {
  reactor_.poller().used_up(fd_.get(), io::writable, true);
  set_interest(interest_ | io::writable);
}

void Connection::shut_write() noexcept {
  shut_when_sent_ = true;
  if (tls_) tls_->shut_write();
  if (unsent_.empty() && fd_) ::shutdown(fd_.get(), SHUT_WR);
}

Connection::Sent Connection::send_unsent() noexcept {
  while (!unsent_.empty()) {
    const std::string_view bytes = unsent_.view();
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (would_block(errno)) {
        reactor_.poller().used_up(fd_.get(), io::writable, true);
        return Sent::partly;
      }
      was_reset_ = was_reset_ || errno == ECONNRESET;
      unsent_.clear();
      return Sent::broken;
    }
    unsent_.consume(static_cast<std::size_t>(count));
  }
  return Sent::all;
}

bool Connection::flush() noexcept {
  const Sent sent = send_unsent();
  if (sent == Sent::partly) {
    if (!securing_) on_partly_sent();
    return true;
  }
  set_interest(interest_ & ~io::writable);
  if (sent == Sent::broken) return false;
  if (shut_when_sent_) ::shutdown(fd_.get(), SHUT_WR);
  if (!securing_) on_drained();
  return true;
}

// Other work of the loop comes first once handshakes have had their time of this turn: whoever is passed over
// is still readable, and called again in the next.
void Connection::step_handshake() noexcept {
  const std::uint64_t begun = reactor_.begin_handshake();
  if (begun == 0) return reactor_.poller().note_readable(fd_.get());
  const TlsStream::Step step = tls_->handshake();
  reactor_.end_handshake(begun);
  const Sent sent = send_unsent();
  if (sent == Sent::partly) tell_when_writable();
  if (step == TlsStream::Step::wait && sent != Sent::broken) return;
  securing_ = false;
  if (step != TlsStream::Step::done || sent == Sent::broken) return on_insecure();
  // The first bytes may have come with the end of the handshake.
  if (tls_->holds_bytes()) reactor_.poller().note_readable(fd_.get());
  on_secured();
}

void Connection::set_interest(unsigned interest) noexcept {
  if (interest == interest_ || !fd_) return;
  interest_ = static_cast<std::uint8_t>(interest);
  // Cannot fail: the descriptor is watched already.
  (void)reactor_.poller().watch(fd_.get(), interest, *this);
}

void Connection::on_io(unsigned events) noexcept {
  if (connecting_) {
    connecting_ = false;
    on_connect();
    return;
  }
  bool broken = (events & io::writable) != 0 && (interest_ & io::writable) != 0 && !flush();
  if (fd_ && securing_) {
    if (broken) {
      securing_ = false;
      return on_insecure();
    }
    if ((events & (io::readable | io::failed)) != 0) step_handshake();
    return;
  }
  // After a failure there may still be bytes to read: they come before the error.
  if (fd_ && (events & io::readable) != 0 && (interest_ & io::readable) != 0) on_readable();
  if ((events & io::failed) != 0 && reads_paused()) broken = true;
  if (fd_ && broken) on_failed();
}

}  // namespace evenkeel::net
