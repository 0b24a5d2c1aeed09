// One client of a UDP port, and the socket to its target.
#pragma once

#include <cstdint>
#include <span>

#include "evenkeel/balancer.hpp"

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "net/datagram.hpp"
#include "net/fd.hpp"
#include "net/poller.hpp"
#include "net/reactor.hpp"
#include "net/timeouts.hpp"
#include "proxy/target_addresses.hpp"

namespace evenkeel::proxy {

class UdpCore;
class UdpSession;

// Where datagrams of clients come from, and replies go to.
struct UdpSource {
  int fd = -1;
  std::uint16_t port_offset = 0;  // within the port's range
  bool framed = false;            // not a UDP socket: see net/frames.hpp
  friend bool operator==(const UdpSource&, const UdpSource&) = default;
};

// Who a session is for: the client's address, and the address of ours that it writes to.
struct UdpClient {
  net::Endpoint peer;
  net::LocalIp local;
  UdpSource source;
  friend bool operator==(const UdpClient&, const UdpClient&) = default;
};

// Seeded: addresses are the choice of whoever sends.
struct UdpClientHash {
  using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
  std::uint64_t seed = 0;
  std::size_t operator()(const UdpClient& client) const noexcept;
  std::size_t operator()(const UdpSession* session) const noexcept;
};

struct UdpClientEqual {
  using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
  bool operator()(const UdpSession* a, const UdpSession* b) const noexcept { return a == b; }
  bool operator()(const UdpClient& a, const UdpSession* b) const noexcept;
  bool operator()(const UdpSession* a, const UdpClient& b) const noexcept { return (*this)(b, a); }
};

// Owns itself; ends with end().
class UdpSession final : public net::Mortal,
                         public base::ListNode<UdpSession>,
                         private net::IoHandler,
                         private AddressWaiter {
 public:
  UdpSession(UdpCore& core, const UdpClient& client) noexcept;
  ~UdpSession() override;

  [[nodiscard]] const UdpClient& client() const noexcept { return client_; }
  // Its client has sent something after a reply: its address is no invention.
  [[nodiscard]] bool is_on(TargetKey target) const noexcept { return lease_ && lease_.key() == target; }
  [[nodiscard]] bool is_established() const noexcept { return established_; }

  // All from this client, in order.
  void on_client_datagrams(std::span<const net::Datagrams> datagrams) noexcept;
  void end() noexcept;
  // As a new one of the client would wait, from now on.
  void restart_idle() noexcept;

 private:
  void on_io(unsigned events) noexcept override;
  void on_addresses(const Error* failure) noexcept override;
  void on_idle() noexcept { end(); }

  void mind_pool() noexcept;
  [[nodiscard]] bool pick(TargetKey avoid) noexcept;
  enum class Connected : std::uint8_t { yes, later, no_target, no_means };
  [[nodiscard]] Connected connect() noexcept;
  [[nodiscard]] Result<void> open_socket(const net::SocketAddress& address) noexcept;
  void leave_failed_target() noexcept;
  void let_go_of_target() noexcept;
  void send(std::span<const net::Datagrams> datagrams) noexcept;
  void on_unreachable() noexcept;
  void take_replies(std::span<net::Datagrams> replies) noexcept;
  [[nodiscard]] bool keep_first(const net::Datagrams& datagram) noexcept;
  void report(Outcome outcome) noexcept;
  void write_record() noexcept;

  UdpCore& core_;
  const UdpClient client_;
  net::Fd fd_;
  Lease lease_;
  net::Timeout idle_;
  base::Buffer first_;              // a datagram that waits for the target's address
  std::uint64_t pool_version_ = 0;  // when the target was last looked at
  std::uint64_t started_ns_;
  std::uint64_t asked_ns_ = 0;  // the last datagram to a target that has not replied
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t owed_ = 0;  // replies, when their number is known
  std::uint64_t left_home_ms_ = 0;
  TargetKey home_ = 0;     // the target that it had to leave, and goes back to; 0: none
  TargetKey avoided_ = 0;  // the target that was unreachable last
  bool established_ = false;
  bool was_answered_ = false;
  bool reported_ = false;
  bool is_over_ = false;
};

}  // namespace evenkeel::proxy
