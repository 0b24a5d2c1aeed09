// Any number of UDP clients on a few sockets: each has an address of its own in 127.0.0.0/8, which IP_PKTINFO
// gives to what it sends. So clients cost neither descriptors nor a system call each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <span>
#include <vector>

#include "load/clock.hpp"
#include "load/datagrams.hpp"
#include "load/sequence_set.hpp"
#include "net/fd.hpp"

namespace evenkeel::bench {

class ManyClients {
 public:
  static constexpr std::size_t batch = 64;
  static constexpr std::uint32_t most = 1'000'000;

  // They send datagrams of `bytes` to `port` of 127.0.0.1.
  ManyClients(std::uint16_t port, std::size_t bytes);

  // One more socket for the clients to share, bound to `port`, or any port if that is 0. False: errno tells.
  bool open(std::uint16_t port);
  // Client number `client`, below `most`, sends the next datagram; some wait until send() or a full batch.
  void add(std::uint32_t client);
  void send();
  // Returns when an answer is there or `until` has come.
  void wait(Clock::time_point until, Clock::time_point now) noexcept { wait_readable(polls_, until, now); }
  // Takes the answers that are there. How many were new.
  std::size_t receive();

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_.count(); }
  // Answers that came to another client than the one that asked: a proxy's worst mistake.
  [[nodiscard]] std::uint64_t strayed() const noexcept { return strayed_; }

 private:
  [[nodiscard]] std::size_t socket_of(std::uint32_t client) const noexcept {
    return client / batch % sockets_.size();
  }

  const sockaddr_in target_;
  const std::size_t bytes_;
  std::vector<net::Fd> sockets_;
  std::vector<pollfd> polls_;
  std::array<char, batch * udp_wire::most_bytes> datagrams_{};
  Outbox out_{batch};
  std::size_t out_socket_ = 0;
  Inbox in_{batch, udp_wire::most_bytes};
  std::uint64_t sent_ = 0;
  SequenceSet answered_;
  std::uint64_t strayed_ = 0;
};

}  // namespace evenkeel::bench
