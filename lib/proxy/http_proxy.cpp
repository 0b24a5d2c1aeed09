#include "evenkeel/http_proxy.hpp"

#include <cerrno>
#include <ctime>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "http/own_response.hpp"
#include "net/cidr.hpp"
#include "net/handover.hpp"
#include "net/listener.hpp"
#include "net/socket.hpp"
#include "pool/snapshot.hpp"
#include "proxy/access_log.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/http_core.hpp"
#include "proxy/listening.hpp"
#include "proxy/waker.hpp"

namespace evenkeel {
struct HttpProxy::Impl final : net::Acceptor, net::Task {
  Impl(uv_loop_s* uv_loop, const TargetPool& target_pool, std::unique_ptr<Strategy> strategy,
       HttpOptions options, LogSink& log)
      : pool(target_pool),
        core(uv_loop, target_pool, std::move(strategy), std::move(options), log),
        waker(uv_loop, [](void* self) { static_cast<Impl*>(self)->adopt_pool(); }, this) {
    // Not at once: the host may close() from its callback, and the last client's frames are below.
    core.on_no_clients = [this] { core.reactor.defer(*this); };
  }

  void on_accepted(net::Accepted accepted) noexcept override {
    if (!core.gate->enter()) return turn_away(accepted, 503, "This port has too many connections.");
    if (!let_in(std::move(accepted))) core.gate->leave();
  }

  bool let_in(net::Accepted accepted) noexcept {
    if (!core.proxy_peers.empty() && !net::contains(core.proxy_peers, accepted.peer)) {
      ++core.stats.connections_refused;
      return false;
    }
    ClientGuard::Seat seat;
    const net::PeerIp ip = net::PeerIp::of(accepted.peer);
    // Behind a proxy, who the client is its header will tell.
    const bool is_known = core.proxy_peers.empty();
    if (is_known && core.client_guard && ip.family != AF_UNSPEC &&
        !core.client_guard->enter(ip.address(), seat)) {
      turn_away(accepted, 429, "This address has too many connections.");
      return false;
    }
    return proxy::ClientConnection::accept(core, std::move(accepted), std::move(seat));
  }

  // Best effort: what fits into the socket's buffer at once, and no waiting.
  void turn_away(const net::Accepted& accepted, int status, std::string_view detail) noexcept {
    ++core.stats.connections_refused;
    proxy::log_turned_away(core, net::PeerIp::of(accepted.peer), status);
    // In a port with TLS a client waits for a handshake, and plain text would be an error to it.
    if (core.options.tls) return;
    const int fd = accepted.fd.get();
    const std::string text = http::render(
        {.status = status, .detail = detail, .location = {}, .retry_after_s = 1, .now = std::time(nullptr)});
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // Closing with the request unread would reset the connection, and the answer with it.
    char request[4'096];
    (void)::recv(fd, request, sizeof request, MSG_DONTWAIT);
  }

  void adopt_pool() noexcept {
    try {
      core.balancer.refresh();
    } catch (const std::bad_alloc&) {
      return;  // the next pick tries again
    }
    core.upstreams.keep_only(*pool.snapshot());
    core.reactor.end_event();
  }

  void run() noexcept override {
    if (drained && core.clients.empty()) std::exchange(drained, nullptr)();
  }

  void accept_the_last() noexcept {
    for (const auto& listener : listeners) listener->finish();
    for (const auto& handover : handovers) handover->finish();
  }

  // Closed but kept: one of them may be what called the host's log sink, which calls close().
  void stop_accepting() noexcept {
    for (const auto& listener : listeners) listener->close();
    for (const auto& handover : handovers) handover->close();
  }

  Result<void> listen_on(net::Fd fd, bool is_shared) {
    if (const Result<void> ready = net::prepare_listening(fd.get()); !ready) return ready;
    const Result<void> opened =
        proxy::open_into(listeners, std::make_unique<net::Listener>(core.reactor, *this), std::move(fd));
    if (!opened) return opened;
    if (is_shared) listeners.back()->set_shared();
    if (bound_port == 0) bound_port = listeners.back()->port();
    return {};
  }

  Result<void> attach(net::Fd fd) {
    return proxy::open_into(handovers, std::make_unique<net::HandoverListener>(core.reactor, *this),
                            std::move(fd));
  }

  void end_clients() {
    while (proxy::ClientConnection* client = core.clients.front()) client->stop();
  }

  const TargetPool& pool;
  proxy::HttpCore core;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::vector<std::unique_ptr<net::HandoverListener>> handovers;
  proxy::Waker waker;
  std::uint16_t bound_port = 0;
  std::function<void()> drained;
  bool closed = false;
};

HttpProxy::HttpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                     HttpOptions options, LogSink& log)
    : impl_(std::make_unique<Impl>(loop, pool, std::move(strategy), std::move(options), log)) {}

HttpProxy::~HttpProxy() {
  if (!impl_->closed) close({});
}

Result<void> HttpProxy::listen(const ListenAddress& address) {
  if (address.count != 1) return std::unexpected(net::setup_error(EINVAL));
  const Result<net::SocketAddress> socket_address = net::ip_address(address.host, address.port);
  if (!socket_address) return std::unexpected(socket_address.error());
  Result<net::Fd> fd =
      net::listen_stream(*socket_address, {.reuse_port = address.reuse_port, .backlog = address.backlog});
  if (!fd) return std::unexpected(fd.error());
  return impl_->listen_on(std::move(*fd), false);
}

std::uint16_t HttpProxy::port() const noexcept {
  return impl_->bound_port;
}

Result<void> HttpProxy::attach(int descriptor, std::uint16_t) {
  return impl_->attach(net::Fd(descriptor));
}

Result<ListeningSockets> HttpProxy::release() {
  Result<ListeningSockets> sockets = proxy::copy_sockets(impl_->listeners, impl_->handovers);
  if (sockets) impl_->stop_accepting();
  return sockets;
}

Result<void> HttpProxy::adopt(ListeningSockets sockets) {
  return proxy::adopt_each(std::move(sockets), [this](net::Fd fd, const ListeningSocket& socket) {
    return socket.attached ? impl_->attach(std::move(fd)) : impl_->listen_on(std::move(fd), socket.shared);
  });
}

void HttpProxy::wake() noexcept {
  impl_->waker.ring();
}

void HttpProxy::drain(std::function<void()> drained) {
  impl_->accept_the_last();
  if (impl_->closed) return impl_->core.reactor.end_event();  // by the host's log sink
  impl_->core.draining = true;
  impl_->drained = std::move(drained);
  proxy::ClientConnection* next = impl_->core.clients.front();
  while (next != nullptr) {
    proxy::ClientConnection& client = *next;
    next = impl_->core.clients.next(client);
    client.drain();
  }
  impl_->core.upstreams.close_idle();
  if (impl_->core.clients.empty()) impl_->core.reactor.defer(*impl_);
  impl_->core.reactor.end_event();
}

void HttpProxy::retire(std::function<void()> drained) {
  impl_->stop_accepting();
  impl_->core.retiring = true;
  impl_->drained = std::move(drained);
  if (impl_->core.clients.empty()) impl_->core.reactor.defer(*impl_);
  impl_->core.reactor.end_event();
}

void HttpProxy::cut(TargetKey target) {
  proxy::ClientConnection* next = impl_->core.clients.front();
  while (next != nullptr) {
    proxy::ClientConnection& client = *next;
    next = impl_->core.clients.next(client);
    client.cut_off(target);
  }
  impl_->core.reactor.end_event();
}

void HttpProxy::close(std::function<void()> closed) {
  if (std::exchange(impl_->closed, true)) return;
  impl_->drained = nullptr;
  impl_->stop_accepting();
  impl_->end_clients();
  impl_->core.upstreams.close_idle();
  impl_->core.shared_reactor.leave();
  // Last, so that its callback comes on the turn in which every handle goes.
  impl_->waker.close(std::move(closed));
}

HttpStats HttpProxy::stats() const noexcept {
  HttpStats stats = impl_->core.stats;
  stats.upstream_connections = impl_->core.upstreams.open();
  stats.upstream_idle = impl_->core.upstreams.idle();
  for (const auto& handover : impl_->handovers) stats.handovers_lost += handover->lost();
  return stats;
}

}  // namespace evenkeel
