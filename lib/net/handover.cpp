#include "net/handover.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace evenkeel::net {
namespace {

// Fewer than a listening socket's: those that are left go to other loops that are less busy.
constexpr int connections_a_turn = 16;
// At its end: more than such a socket holds (net.unix.max_dgram_qlen).
constexpr int connections_at_the_end = 1'024;

constexpr std::size_t max_text = 128;
// One more than there may be, so that two are seen.
constexpr std::size_t max_descriptors = 2;

// What stands before `separator`, which goes too; all of it when there is none.
std::string_view cut_front(std::string_view& text, char separator) noexcept {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

// "100.64.0.2:41000" or "[fd7a::2]:41000".
std::optional<SocketAddress> read_address(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != host.contains(':')) return std::nullopt;
  const Result<SocketAddress> address = ip_address(host, port);
  if (!address) return std::nullopt;
  return *address;
}

// The descriptors of a message: all belong to us now, whatever we think of the message.
std::array<Fd, max_descriptors> descriptors_of(msghdr& message) noexcept {
  std::array<Fd, max_descriptors> all;
  std::size_t used = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
      Fd fd(number);
      if (used < all.size()) all[used++] = std::move(fd);
    }
  }
  return all;
}

}  // namespace

bool read_handover(std::string_view text, Accepted& accepted) noexcept {
  const std::string_view source = cut_front(text, ' ');
  const std::string_view destination = cut_front(text, ' ');
  if (!source.starts_with("src=") || !destination.starts_with("dst=")) return false;
  if (text != "funnel=0" && text != "funnel=1") return false;
  const auto peer = read_address(source.substr(4));
  const auto local = read_address(destination.substr(4));
  if (!peer || !local) return false;
  accepted.peer = *peer;
  accepted.local = *local;
  accepted.from_internet = text.back() == '1';
  return true;
}

Result<Accepted> take_over(int socket) noexcept {
  std::array<char, max_text> text;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(max_descriptors * sizeof(int))> control;
  iovec slice{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &slice;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return std::unexpected(setup_error(would_block(errno) ? EAGAIN : EPIPE));

  std::array<Fd, max_descriptors> descriptors = descriptors_of(message);
  const bool cut_short = (message.msg_flags & MSG_CTRUNC) != 0;
  if (!descriptors[0]) {
    // The kernel drops a descriptor that we have no room for.
    const int why = cut_short ? EMFILE : length == 0 ? EPIPE : EBADMSG;
    return std::unexpected(setup_error(why));
  }
  Accepted accepted;
  const bool one = !descriptors[1] && !cut_short && (message.msg_flags & MSG_TRUNC) == 0;
  if (!one || !read_handover({text.data(), static_cast<std::size_t>(length)}, accepted)) {
    return std::unexpected(setup_error(EBADMSG));
  }
  accepted.fd = std::move(descriptors[0]);
  int on = 1;
  ::ioctl(accepted.fd.get(), FIONBIO, &on);  // the loop must not hang on who forgot it
  return accepted;
}

HandoverListener::HandoverListener(Reactor& reactor, Acceptor& acceptor) noexcept
    : reactor_(reactor),
      acceptor_(acceptor),
      pause_([](void* self) { static_cast<HandoverListener*>(self)->resume(); }, this) {}

Result<void> HandoverListener::open(Fd fd) noexcept {
  const Result<void> watched = reactor_.poller().watch(fd.get(), io::readable, *this);
  if (watched) fd_ = std::move(fd);
  return watched;
}

void HandoverListener::close() noexcept {
  pause_.cancel();
  if (fd_) reactor_.poller().close(std::move(fd_));
}

void HandoverListener::finish() noexcept {
  for (int i = 0; i < connections_at_the_end && fd_; ++i) {
    Result<Accepted> accepted = take_over(fd_.get());
    if (accepted) {
      acceptor_.on_accepted(std::move(*accepted));
      continue;
    }
    const int why = accepted.error().os_error;
    if (why == EAGAIN || why == EPIPE) break;
    ++lost_;
    if (why == EMFILE) break;  // others may have descriptors for those that wait
  }
  close();
}

void HandoverListener::resume() noexcept {
  if (fd_) (void)reactor_.poller().watch(fd_.get(), io::readable, *this);
}

void HandoverListener::on_io(unsigned) noexcept {
  for (int i = 0; i < connections_a_turn && fd_; ++i) {
    Result<Accepted> accepted = take_over(fd_.get());
    if (accepted) {
      acceptor_.on_accepted(std::move(*accepted));
      continue;
    }
    switch (accepted.error().os_error) {
      case EAGAIN:
        return reactor_.poller().used_up(fd_.get(), io::readable, true);
      case EPIPE:
        return close();
      case EMFILE:
        // Those that still wait in the socket are better off there.
        ++lost_;
        (void)reactor_.poller().watch(fd_.get(), io::none, *this);
        return reactor_.timeouts().set(pause_, accept_pause);
      default:
        ++lost_;
    }
  }
}

}  // namespace evenkeel::net
