// What every data plane has in common: where it listens, and how it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/listening_sockets.hpp"
#include "evenkeel/strategy.hpp"

namespace evenkeel {

struct ListenAddress {
  std::string host = "127.0.0.1";  // IP literal
  std::uint16_t port = 0;          // 0: any free one, see Proxy::port()
  bool reuse_port = false;         // SO_REUSEPORT, for one listener a loop
  int backlog = 4'096;             // streams only
  std::uint16_t count = 1;         // so many ports, from `port` on (TCP and UDP); not with port 0
};

enum class Transport : std::uint8_t { stream, datagram };

// Binds the address without SO_REUSEPORT and lets go of it again: the errors of Proxy::listen().
// Ask before several loops listen with `reuse_port`. With it the kernel would let a second process of
// the same user take half of the connections in silence.
// `beside_ours`: with it, where listeners of this process that have it hold the address.
EVENKEEL_API Result<void> try_bind(const ListenAddress& address, Transport transport = Transport::stream,
                                   bool beside_ours = false);

// Thread rule: everything on the loop's thread, except wake().
// Lifetime: the loop, pool and log that a proxy was made with must outlive it. Its handles close
// asynchronously: close(), run the loop until the callback came, then destroy it.
// The proxies of one loop share its buffers, timers and pipes; the last one to close gives them back.
// The host must ignore SIGPIPE: splice(2), which moves bulk data, has no MSG_NOSIGNAL.
class EVENKEEL_API Proxy {
 public:
  virtual ~Proxy() = default;

  // Binds and starts to accept. address_in_use, address_not_available, permission_denied,
  // invalid_argument, out_of_descriptors, system. Once.
  virtual Result<void> listen(const ListenAddress& address) = 0;
  // The (first) port that listen() got; 0 before.
  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;

  // Serves what another part of the process hands over, beside or instead of listening: any number of times,
  // and not after drain(). `descriptor` is one end of a SOCK_SEQPACKET pair and the proxy's from here on,
  // also when this fails; its messages are those of TailnetNode::listen() and listen_packet(). `port_offset`:
  // of the port that it stands for, within the port's range. out_of_descriptors, system.
  //
  // TCP, HTTP: each message is a connection, so loops may share one (dup(2)): each connection goes to one of
  // them. Its client is who the message says, for limits and headers too. Such a connection is a Unix socket,
  // which cannot pass a reset on: a cut looks like an end to its client.
  // UDP: each message is a datagram, and a client's sessions are those of one loop: give each descriptor to
  // one proxy only.
  virtual Result<void> attach(int descriptor, std::uint16_t port_offset) = 0;

  // Gives away what it listens on and what was attached, as duplicates, and accepts nothing any more: whoever
  // adopts them goes on where this one stops, and no connection that waits in them is lost. A UDP proxy
  // answers the sessions that it has. out_of_descriptors, system: then it goes on itself.
  virtual Result<ListeningSockets> release() = 0;
  // Serves these, which it takes over, beside or instead of listening and what it has already. They listen as
  // the port's protocol needs it: those of release(), or of whoever started the process. out_of_descriptors,
  // system: then it serves none of them.
  virtual Result<void> adopt(ListeningSockets sockets) = 0;

  // Any thread: the pool has published; adopt it soon, and let go of targets that went away. Wire it
  // to TargetPool::subscribe(). Without it the next pick adopts it.
  virtual void wake() noexcept = 0;

  // Accepts the connections that have arrived, except where somebody else will (ListeningSocket::shared), and
  // no more; a UDP port takes no new client. Work under way ends by itself. `drained` comes from the loop
  // once none is left.
  virtual void drain(std::function<void()> drained) = 0;
  // As drain(), for a proxy whose sockets another one has adopted: an idle client is not hung up on, which
  // might be just when it asks for something, but told with its next answer to connect anew.
  virtual void retire(std::function<void()> drained) { drain(std::move(drained)); }
  // Ends what is under way on this target, as what a deadline ends: a request whose answer has not begun gets
  // 503.
  virtual void cut(TargetKey target) = 0;
  // Ends everything now; `closed` comes from the loop once every handle is gone. Idempotent.
  virtual void close(std::function<void()> closed) = 0;
};

}  // namespace evenkeel
