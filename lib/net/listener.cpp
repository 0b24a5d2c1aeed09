#include "net/listener.hpp"

#include <cerrno>

namespace evenkeel::net {
namespace {

// A turn: enough to keep up, few enough that the connections already there are served in between.
constexpr int accepts_a_turn = 64;
// At its end, in one turn: as much as a queue usually holds, so that whoever keeps connecting cannot keep it
// open.
constexpr int accepts_at_the_end = 4'096;

bool is_shortage(int os_error) noexcept {
  return os_error == EMFILE || os_error == ENFILE || os_error == ENOBUFS || os_error == ENOMEM;
}

}  // namespace

Listener::Listener(Reactor& reactor, Acceptor& acceptor) noexcept
    : reactor_(reactor),
      acceptor_(acceptor),
      pause_([](void* self) { static_cast<Listener*>(self)->resume(); }, this) {}

Result<void> Listener::open(Fd fd) noexcept {
  const Result<void> watched = reactor_.poller().watch(fd.get(), io::readable, *this);
  if (watched) fd_ = std::move(fd);
  return watched;
}

void Listener::close() noexcept {
  pause_.cancel();
  if (fd_) reactor_.poller().close(std::move(fd_));
}

void Listener::finish() noexcept {
  for (int i = 0; i < accepts_at_the_end && fd_ && !is_shared_ && has_waiting(fd_.get()); ++i) {
    Result<Accepted> accepted = accept_stream(fd_.get());
    if (accepted) {
      acceptor_.on_accepted(std::move(*accepted));
    } else if (is_shortage(accepted.error().os_error) || accepted.error().os_error == EAGAIN) {
      break;
    }
  }
  close();
}

std::uint16_t Listener::port() const noexcept {
  if (!fd_) return 0;
  const Result<SocketAddress> address = local_address(fd_.get());
  return address ? address->port() : std::uint16_t{0};
}

void Listener::resume() noexcept {
  if (fd_) (void)reactor_.poller().watch(fd_.get(), io::readable, *this);
}

void Listener::on_io(unsigned) noexcept {
  for (int i = 0; i < accepts_a_turn && fd_; ++i) {
    Result<Accepted> accepted = accept_stream(fd_.get());
    if (accepted) {
      acceptor_.on_accepted(std::move(*accepted));
      // Accepting in vain costs ten times as much as asking: the kernel makes the socket first.
      if (fd_ && !net::has_waiting(fd_.get())) {
        reactor_.poller().used_up(fd_.get(), io::readable, true);
        return;
      }
      continue;
    }
    // With no descriptor left the waiting connection stays readable: without a pause the loop would
    // spin on it. Others (ECONNABORTED) concern one connection that is gone already.
    if (is_shortage(accepted.error().os_error)) {
      (void)reactor_.poller().watch(fd_.get(), io::none, *this);
      reactor_.timeouts().set(pause_, accept_pause);
      return;
    }
    if (accepted.error().os_error == EAGAIN) {
      reactor_.poller().used_up(fd_.get(), io::readable, true);
      return;
    }
  }
}

}  // namespace evenkeel::net
