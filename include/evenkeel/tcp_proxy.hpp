// A TCP proxy on the host's loop: each connection goes to one target.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "evenkeel/access.hpp"
#include "evenkeel/balancer.hpp"
#include "evenkeel/client_guard.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/port_gate.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/proxy_version.hpp"
#include "evenkeel/target_pool.hpp"
#include "evenkeel/work_observer.hpp"

struct uv_loop_s;

namespace evenkeel {

struct TcpTimeouts {
  std::chrono::milliseconds connect{3'000};            // one attempt to connect to one target
  std::chrono::milliseconds connect_deadline{10'000};  // all attempts together
  std::chrono::milliseconds idle{3'600'000};           // no byte either way; 0: never, keep-alive decides
  std::chrono::milliseconds queue{5'000};              // waiting for a place, see TcpLimits::queue
  std::chrono::milliseconds proxy_header{5'000};       // a whole PROXY header, from the accept on
  std::chrono::milliseconds drain{0};  // a connection to a target that was taken out of use; 0: no limit
  friend bool operator==(const TcpTimeouts&, const TcpTimeouts&) = default;
};

struct TcpLimits {
  std::uint32_t connections = 0;             // of the port, over all loops; 0: RLIMIT_NOFILE / 4
  std::uint32_t connections_per_target = 0;  // over all loops; 0: no limit
  std::uint32_t queue = 0;  // clients that wait when there is no place under the two; the others are refused
  friend bool operator==(const TcpLimits&, const TcpLimits&) = default;
};

// SO_KEEPALIVE on both sides: the kernel finds out about peers that vanished without a word.
struct KeepAlive {
  bool on = true;
  std::chrono::milliseconds after{60'000};     // silence before the first probe; whole seconds
  std::chrono::milliseconds interval{15'000};  // between probes; whole seconds
  std::uint32_t probes = 4;                    // unanswered ones that end the connection
  friend bool operator==(const KeepAlive&, const KeepAlive&) = default;
};

// What a client is, for strategies that hash it.
enum class Affinity : std::uint8_t {
  ip,
  ip_and_port,
};

struct TcpOptions {
  std::string name;  // of the port, for logs
  TcpTimeouts timeouts;
  TcpLimits limits;
  KeepAlive keep_alive;
  bool no_delay = true;                              // TCP_NODELAY on both sides
  ProxyVersion proxy_protocol = ProxyVersion::none;  // sent to targets
  // Peers ("10.0.0.0/8", "::1") that start each connection with a PROXY header, version 1 or 2; what it
  // names is the client from then on. Connections from elsewhere, and malformed headers, are refused.
  // Empty: no header is expected from anybody.
  std::vector<std::string> accept_proxy_protocol;
  Affinity affinity = Affinity::ip;
  // Everybody else is refused; everybody may when there is none. Needs `identity`, which is of this loop and
  // asked once a connection: whoever is taken off the list stays until the connection ends.
  std::shared_ptr<const AccessList> allow;
  std::shared_ptr<IdentitySource> identity;
  bool access_log = false;                 // one record a connection, at its end
  std::shared_ptr<WorkObserver> observer;  // told of each as it ends; of this loop
  // `requests_per_second` counts connections here. Over either limit: refused.
  ClientLimits per_client;
  // Shared by the proxies of all loops that serve one port. Without them a proxy makes its own, and each
  // loop counts by itself.
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

// The gate that `options` ask for: one for all loops of a port.
EVENKEEL_API std::shared_ptr<PortGate> make_gate(const TcpOptions& options);

struct TcpStats {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused =
      0;  // over a limit, not allowed, or without the PROXY header that was due
  std::uint64_t connections_failed = 0;  // no target could be connected
  std::uint64_t handovers_lost = 0;      // messages to attach() that were none, or without a descriptor left
  std::uint64_t retries = 0;             // connects that went on to another target
  std::uint64_t bytes_in = 0;            // from clients
  std::uint64_t bytes_out = 0;           // to clients
  std::uint32_t connections = 0;         // open now, waiting ones included
  std::uint32_t waiting = 0;             // for a place
};

// A connection keeps its lease, and so its target, until both directions have ended. Ends are passed
// on as they come: FIN as FIN, the other direction going on; RST as RST. A client is not read before
// its target is connected: its first bytes wait in the kernel. Each direction is copied through the
// loop's read buffer while it is small talk, and moved with splice(2) while it is bulk; at most one read
// buffer (64 KiB) a direction waits for a slow reader, or one pipe.
//
// No target that can be connected, a full port or a broken PROXY header: the client sees RST, as from a
// closed port, and never an orderly end.
class EVENKEEL_API TcpProxy final : public Proxy {
 public:
  // Throws std::bad_alloc, and std::invalid_argument when accept_proxy_protocol holds what is not an
  // address or prefix.
  TcpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy, TcpOptions options,
           LogSink& log);
  ~TcpProxy() override;
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  Result<void> listen(const ListenAddress& address) override;
  [[nodiscard]] std::uint16_t port() const noexcept override;
  Result<void> attach(int descriptor, std::uint16_t port_offset) override;
  Result<ListeningSockets> release() override;
  Result<void> adopt(ListeningSockets sockets) override;
  void wake() noexcept override;
  void drain(std::function<void()> drained) override;
  void cut(TargetKey target) override;
  void close(std::function<void()> closed) override;

  [[nodiscard]] TcpStats stats() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
