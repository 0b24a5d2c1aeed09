// Connections that another part of this process hands over, in place of a listening socket.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/listener.hpp"
#include "net/poller.hpp"
#include "net/reactor.hpp"
#include "net/socket.hpp"
#include "net/timeouts.hpp"

namespace evenkeel::net {

// "src=100.64.0.2:41000 dst=[fd7a:115c:a1e0::1]:443 funnel=0", into peer, local and from_internet. False when
// it is not so.
[[nodiscard]] bool read_handover(std::string_view text, Accepted& accepted) noexcept;

// The next connection of a SOCK_SEQPACKET socket, one a message, as lib/tailnet/node/evenkeel_node.h says;
// non-blocking. Its os_error is EAGAIN when none waits, EPIPE when none will come any more, EBADMSG for a
// message that is no connection, and EMFILE when a connection was lost for want of a descriptor. Nothing that
// came with a message is left open then.
Result<Accepted> take_over(int socket) noexcept;

// Like a Listener. Several loops may each have a duplicate of one socket: a connection goes to whoever is
// first.
class HandoverListener final : private IoHandler {
 public:
  HandoverListener(Reactor& reactor, Acceptor& acceptor) noexcept;
  ~HandoverListener() { close(); }
  HandoverListener(const HandoverListener&) = delete;
  HandoverListener& operator=(const HandoverListener&) = delete;

  Result<void> open(Fd fd) noexcept;
  void close() noexcept;
  // As Listener::finish(): what nobody has taken when the last duplicate closes is lost.
  void finish() noexcept;
  // False once the other side has closed.
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  // Messages that were no connection, and connections that were lost for want of a descriptor.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  void on_io(unsigned events) noexcept override;
  void resume() noexcept;

  Reactor& reactor_;
  Acceptor& acceptor_;
  Fd fd_;
  Timeout pause_;
  std::uint64_t lost_ = 0;
};

}  // namespace evenkeel::net
