// What the sessions of one UdpProxy share: who is there, and who has to go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "evenkeel/balancer.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/udp_proxy.hpp"

#include "base/intrusive_list.hpp"
#include "net/datagram.hpp"
#include "net/shared_reactor.hpp"
#include "proxy/target_addresses.hpp"
#include "proxy/udp_session.hpp"

namespace evenkeel::proxy {

// Thread rule: the loop's thread.
class UdpCore final : public net::Task {
 public:
  // Throws std::bad_alloc.
  UdpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy, UdpOptions udp_options,
          LogSink& log_sink);
  UdpCore(const UdpCore&) = delete;
  UdpCore& operator=(const UdpCore&) = delete;

  // What one source has received, all at once.
  void on_datagrams(const UdpSource& source, std::span<const net::Datagrams> batch) noexcept;

  // --- for sessions ---
  // Where replies are received into; whatever is added to it is sent at the end of the turn.
  [[nodiscard]] net::DatagramBatch& replies() noexcept;
  void flush_replies() noexcept;
  // nullptr when memory is out.
  TargetAddresses* addresses(TargetKey key, const Target& target) noexcept;
  // Grows with every change of the pool that was adopted.
  [[nodiscard]] std::uint64_t pool_version() const noexcept { return pool_version_; }
  [[nodiscard]] bool is_usable(TargetKey key) const noexcept;
  [[nodiscard]] bool is_gone_or_sick(TargetKey key) const noexcept;
  void touch(UdpSession& session) noexcept;
  // Another proxy reads what clients say from now on: replies keep no session alive any more.
  void lose_clients() noexcept { has_clients_ = false; }
  [[nodiscard]] bool has_clients() const noexcept { return has_clients_; }
  // Another loop of the port had fewer places than its share: those that are too many give way.
  void make_room_for_others() noexcept;
  // Ends the session that can be missed most, but not this one. False when there is no other.
  bool evict_for(const UdpSession& session) noexcept { return evict(&session); }
  void session_ended(UdpSession& session) noexcept;
  [[nodiscard]] std::chrono::milliseconds idle() const noexcept;

  // Throws std::bad_alloc.
  void adopt(const PoolSnapshot& snapshot);
  void drain() noexcept;
  void cut(TargetKey target) noexcept;
  void end_all() noexcept;

  UdpOptions options;
  LogSink& log;
  net::SharedReactor shared_reactor;
  net::Reactor& reactor;
  Balancer balancer;
  const bool by_affinity;  // the strategy sends the same client to the same target
  std::shared_ptr<PortGate> gate;
  UdpStats stats;
  std::function<void()> on_no_sessions;  // called each time the last session ends

 private:
  void run() noexcept override { flush_replies(); }
  UdpSession* find_or_begin(const UdpSource& source, const net::Datagrams& first) noexcept;
  UdpSession* begin(const UdpClient& client) noexcept;
  [[nodiscard]] bool make_place() noexcept;
  bool evict(const UdpSession* spared) noexcept;

  std::unordered_set<UdpSession*, UdpClientHash, UdpClientEqual> sessions_;
  // Those whose client has answered a reply, and the others; the one unused for longest first. In both.
  base::IntrusiveList<UdpSession> established_;
  base::IntrusiveList<UdpSession> unproven_;
  std::unordered_map<TargetKey, std::unique_ptr<TargetAddresses>> addresses_;
  std::vector<TargetKey> usable_;  // sorted
  std::vector<TargetKey> kept_;    // sorted; not usable for new sessions, but those that are there may stay
  std::uint64_t pool_version_ = 0;
  bool draining_ = false;
  bool has_clients_ = true;
  bool place_is_given_back_ = false;  // of the session that ends next
};

}  // namespace evenkeel::proxy
