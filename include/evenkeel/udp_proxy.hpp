// A UDP proxy on the host's loop: each client address has a session with one target.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "evenkeel/balancer.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/port_gate.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/target_pool.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/work_observer.hpp"

struct uv_loop_s;

namespace evenkeel {

struct UdpOptions {
  std::string name;                        // of the port, for logs
  std::chrono::milliseconds idle{60'000};  // a session without a datagram either way
  // Of the port, over all loops; at most RLIMIT_NOFILE / 2. Each takes a local port, of which there are about
  // 28,000 (net.ipv4.ip_local_port_range): when they run out, old sessions make room as well.
  std::uint32_t sessions = 65'536;
  // Replies to each datagram of a client after which nothing more is expected: a session that owes none
  // ends at once instead of after `idle`. 1 suits DNS. 0: any number.
  std::uint32_t replies = 0;
  std::uint64_t receive_buffer = 4'194'304;  // SO_RCVBUF of the listening socket, bytes; 0: the system's
  Affinity affinity = Affinity::ip;
  bool access_log = false;                 // one record a session, at its end
  std::shared_ptr<WorkObserver> observer;  // told of each as it ends; of this loop
  // Shared by the proxies of all loops that serve one port. Without one a proxy makes its own.
  std::shared_ptr<PortGate> gate;
  friend bool operator==(const UdpOptions&, const UdpOptions&) = default;
};

EVENKEEL_API std::shared_ptr<PortGate> make_gate(const UdpOptions& options);

struct UdpStats {
  std::uint64_t sessions_begun = 0;
  std::uint64_t sessions_evicted = 0;  // to make room for others
  std::uint64_t datagrams_in = 0;      // from clients
  std::uint64_t datagrams_out = 0;     // to clients
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t datagrams_dropped = 0;  // by us: no target, no place, or the kernel would not send
  std::uint64_t unreachable = 0;        // ICMP errors from targets
  std::uint32_t sessions = 0;           // now
};

// A session has a socket of its own towards its target, so that replies find their client. It ends
// when it was idle, or gives way to a new client when the port has `sessions` of them: the one unused for
// longest, of those whose client has not answered a reply first (a spoofed source never does), so that a
// flood of addresses takes its places from itself.
//
// A loop makes room among its own sessions. And when an ended session's local port is used again for the
// same target, a reply that was still on its way may reach the new client: UDP cannot tell, and whoever sends
// over UDP has to.
//
// With the strategy "hash" a client address has the same target on every host with the same spec.
// A session stays with its target until it ends; when the target goes down it moves with the client's
// next datagram, and moves back when the target has recovered.
class EVENKEEL_API UdpProxy final : public Proxy {
 public:
  // Throws std::bad_alloc.
  UdpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy, UdpOptions options,
           LogSink& log);
  ~UdpProxy() override;
  UdpProxy(const UdpProxy&) = delete;
  UdpProxy& operator=(const UdpProxy&) = delete;

  Result<void> listen(const ListenAddress& address) override;
  [[nodiscard]] std::uint16_t port() const noexcept override;
  Result<void> attach(int descriptor, std::uint16_t port_offset) override;
  Result<ListeningSockets> release() override;
  Result<void> adopt(ListeningSockets sockets) override;
  void wake() noexcept override;
  // New clients are turned away; sessions end when they are idle.
  void drain(std::function<void()> drained) override;
  void cut(TargetKey target) override;
  void close(std::function<void()> closed) override;

  [[nodiscard]] UdpStats stats() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
