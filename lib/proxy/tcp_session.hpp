// One client of a TCP port, and the connection to its target.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "evenkeel/balancer.hpp"
#include "evenkeel/client_guard.hpp"
#include "evenkeel/error.hpp"

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "net/address.hpp"
#include "net/connection.hpp"
#include "net/reactor.hpp"
#include "net/socket.hpp"
#include "net/timeouts.hpp"
#include "proxy/tcp_core.hpp"
#include "proxy/tcp_flow.hpp"
#include "proxy/upstream_connection.hpp"

namespace evenkeel::proxy {

// Owns itself; ends with end().
//
//   place  -> header  -> target   -> connecting -> relaying
//   (queue)   (PROXY)    (queue)
class TcpSession final : public net::Connection,
                         public net::Mortal,
                         public UpstreamUser,
                         public base::ListNode<TcpSession>,
                         public base::ListNode<WaitingForPlace> {
 public:
  // `port_offset`: of the listener, within the port's range.
  static void accept(TcpCore& core, net::Accepted accepted, std::uint16_t port_offset) noexcept;

  TcpSession(TcpCore& core, const net::Accepted& accepted, std::uint16_t port_offset) noexcept;
  ~TcpSession() override;

  // The first of its queue; false when there is still none for it.
  [[nodiscard]] bool try_place() noexcept;
  [[nodiscard]] bool try_target() noexcept;
  // The targets that are in use, sorted: a session with another one has its time limited.
  [[nodiscard]] bool is_on(TargetKey target) const noexcept { return lease_ && lease_.key() == target; }
  void mind_target(std::span<const TargetKey> in_use) noexcept;
  // Ends it now, and lets both sides see that it was cut.
  void cut(const Error& error) noexcept;

 private:
  enum class Phase : std::uint8_t { place, header, identity, target, connecting, relaying };
  static constexpr std::size_t max_tried = 8;

  // --- getting to a target ---
  void begin() noexcept;
  using Queue = base::IntrusiveList<TcpSession, WaitingForPlace>;
  void wait_in(Queue& queue) noexcept;
  void stop_waiting() noexcept;
  void after_place() noexcept;
  void read_proxy_header() noexcept;
  [[nodiscard]] bool admit_client() noexcept;
  void after_header() noexcept;
  void on_identity(const IdentitySource::Who& who) noexcept;
  void choose_target() noexcept;
  [[nodiscard]] Result<void> pick() noexcept;
  void connect() noexcept;
  void on_upstream_connected() noexcept override;
  void on_upstream_failed(const Error& error) noexcept override;
  void begin_relay() noexcept;
  [[nodiscard]] bool send_proxy_header() noexcept;

  // --- moving bytes ---
  void on_readable() noexcept override;
  void on_partly_sent() noexcept override { note_progress(); }
  void on_drained() noexcept override;
  void on_failed() noexcept override;
  void on_upstream_readable() noexcept override;
  void on_upstream_partly_sent() noexcept override { note_progress(); }
  void on_upstream_drained() noexcept override;
  void on_upstream_broken() noexcept override;
  void from_client(TcpFlow::State state) noexcept;
  void from_target(TcpFlow::State state) noexcept;
  void note_progress() noexcept;
  void note_first_byte() noexcept;
  void end_if_done() noexcept;
  void on_time() noexcept;

  // --- the end ---
  void refuse(const Error& error) noexcept;
  void report_end(const Error* error) noexcept;
  void end(const Error* error) noexcept;
  void release_lease() noexcept;
  void write_record(const Error* error) noexcept;

  TcpCore& core_;
  UpstreamConnection* upstream_ = nullptr;
  Lease lease_;
  ClientGuard::Seat seat_;
  IdentitySource::Query asking_who_;
  net::Timeout timeout_;        // of the phase
  net::Timeout drain_timeout_;  // of a target that was taken out of use
  TcpFlow to_target_;
  TcpFlow to_client_;
  base::Buffer header_;        // a PROXY header that is not whole
  net::PeerIp client_;         // who the PROXY header says, else the peer
  net::SocketAddress source_;  // the same in full, for the PROXY header that we send
  net::SocketAddress local_;   // where the client thinks it connected to
  std::uint64_t started_ns_;
  std::uint64_t asked_ns_ =
      0;  // when the target was connected, or had the client's last byte before its first
  std::uint64_t first_byte_ns_ = 0;
  std::array<TargetKey, max_tried> tried_{};
  std::uint8_t tried_count_ = 0;
  std::uint16_t port_offset_;
  Phase phase_ = Phase::place;
  bool has_place_ = false;
  bool is_waiting_ = false;
  bool reported_ = false;          // what its target did with this lease
  bool is_target_broken_ = false;  // it takes nothing any more
  bool is_over_ = false;
};

}  // namespace evenkeel::proxy
