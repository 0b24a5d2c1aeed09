// What the sessions of one TcpProxy share.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "evenkeel/balancer.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/tcp_proxy.hpp"

#include "base/cidr.hpp"
#include "base/intrusive_list.hpp"
#include "net/shared_reactor.hpp"
#include "proxy/upstream_pool.hpp"

namespace evenkeel::proxy {

class TcpSession;
struct WaitingForPlace;  // list tag

// Thread rule: the loop's thread.
class TcpCore {
 public:
  TcpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy, TcpOptions tcp_options,
          LogSink& log_sink);
  TcpCore(const TcpCore&) = delete;
  TcpCore& operator=(const TcpCore&) = delete;

  // Keep-alive and no-delay, as the options say. On a listening socket: accepted ones inherit it.
  void tune(int fd) const noexcept;
  void session_ended() noexcept;  // it has left the lists already
  // Places may be free: whoever waits tries again, in order.
  void serve_queue() noexcept;
  // A target may have been taken out of use. Throws std::bad_alloc.
  void adopt(const PoolSnapshot& snapshot);

  TcpOptions options;
  LogSink& log;
  net::SharedReactor shared_reactor;
  net::Reactor& reactor;
  Balancer balancer;
  const UpstreamOptions no_idle{.max_idle = 0};
  UpstreamPool upstreams;
  std::vector<base::Cidr> proxy_peers;        // that send PROXY headers
  std::shared_ptr<ClientGuard> client_guard;  // null when clients are not limited
  std::shared_ptr<PortGate> gate;

  base::IntrusiveList<TcpSession> sessions;
  // Two queues: who has a place on the port must not stand behind those who wait for it.
  base::IntrusiveList<TcpSession, WaitingForPlace> waiting_for_place;   // on the port
  base::IntrusiveList<TcpSession, WaitingForPlace> waiting_for_target;  // every target is full
  TcpStats stats;
  std::function<void()> on_no_sessions;  // called each time the last session ends

 private:
  std::uint64_t pool_version_ = 0;  // adopted
  bool is_serving_ = false;
};

}  // namespace evenkeel::proxy
