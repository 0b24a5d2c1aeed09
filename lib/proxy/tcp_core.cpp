#include "proxy/tcp_core.hpp"

#include <algorithm>
#include <utility>

#include "net/bulk_relay.hpp"
#include "net/socket.hpp"
#include "proxy/listening.hpp"
#include "proxy/tcp_session.hpp"

namespace evenkeel {
namespace proxy {
namespace {

std::shared_ptr<ClientGuard> guard_for(const TcpOptions& options, std::uint64_t seed) {
  if (options.client_guard || !options.per_client.any()) return options.client_guard;
  return std::make_shared<ClientGuard>(options.per_client, seed);
}

}  // namespace

TcpCore::TcpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                 TcpOptions tcp_options, LogSink& log_sink)
    : options(std::move(tcp_options)),
      log(log_sink),
      shared_reactor(loop),
      reactor(shared_reactor.get()),
      balancer(pool, std::move(strategy), reactor.clock()),
      upstreams(reactor, no_idle, options.timeouts.connect),
      proxy_peers(base::read_cidrs(options.accept_proxy_protocol)),
      client_guard(guard_for(options, reactor.now_ms())),
      gate(options.gate ? options.gate : make_gate(options)) {
  const TcpTimeouts& timeouts = options.timeouts;
  reactor.timeouts().prepare({timeouts.connect, timeouts.connect_deadline, timeouts.idle, timeouts.queue,
                              timeouts.proxy_header, timeouts.drain, net::BulkRelay::patience});
}

void TcpCore::tune(int fd) const noexcept {
  const KeepAlive& keep = options.keep_alive;
  if (keep.on) net::set_keep_alive(fd, {keep.after, keep.interval, keep.probes});
  if (!options.no_delay) net::set_no_delay(fd, false);
}

void TcpCore::session_ended() noexcept {
  --stats.connections;
  if (stats.connections == 0 && on_no_sessions) on_no_sessions();
}

// Places are alike: when the first in a queue gets none, nobody does.
void TcpCore::serve_queue() noexcept {
  if (std::exchange(is_serving_, true)) return;  // whoever is served may queue up for the next thing
  while (TcpSession* first = waiting_for_target.front()) {
    if (!first->try_target()) break;
  }
  while (TcpSession* first = waiting_for_place.front()) {
    if (!first->try_place()) break;
  }
  is_serving_ = false;
}

void TcpCore::adopt(const PoolSnapshot& snapshot) {
  if (pool_version_ == snapshot.version) return;
  upstreams.keep_only(snapshot);
  pool_version_ = snapshot.version;
  if (options.timeouts.drain.count() == 0) return;
  std::vector<TargetKey> in_use;
  for (const PoolSnapshot::Entry& entry : snapshot.entries) {
    if (entry.target->admin == AdminState::enabled) in_use.push_back(entry.key);
  }
  std::ranges::sort(in_use);
  TcpSession* next = sessions.front();
  while (next != nullptr) {
    TcpSession& session = *next;
    next = sessions.next(session);
    session.mind_target(in_use);
  }
}

}  // namespace proxy

std::shared_ptr<PortGate> make_gate(const TcpOptions& options) {
  const std::uint32_t most =
      options.limits.connections != 0 ? options.limits.connections : proxy::default_connections();
  return std::make_shared<PortGate>(most, options.limits.queue);
}

}  // namespace evenkeel
