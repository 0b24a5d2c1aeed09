#include "evenkeel/http_proxy.hpp"

#include <algorithm>
#include <ctime>
#include <new>
#include <sys/resource.h>
#include <utility>

#include "http/own_response.hpp"
#include "net/listener.hpp"
#include "net/uv_handle.hpp"
#include "pool/snapshot.hpp"
#include "proxy/access_log.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/http_core.hpp"

namespace evenkeel {
namespace {

// A connection to a client may need one to a target, and other ports need some too.
std::uint32_t default_connection_limit() noexcept {
  rlimit limit{};
  constexpr rlim_t floor = 64;
  constexpr rlim_t ceiling = 1'000'000;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return floor;
  return static_cast<std::uint32_t>(std::clamp<rlim_t>(limit.rlim_cur / 4, floor, ceiling));
}

}  // namespace

struct HttpProxy::Impl final : net::Acceptor, net::Task {
  Impl(uv_loop_s* uv_loop, const TargetPool& target_pool, std::unique_ptr<Strategy> strategy,
       HttpOptions options, LogSink& log)
      : pool(target_pool),
        core(uv_loop, target_pool, std::move(strategy), std::move(options), log),
        listener(core.reactor, *this),
        max_connections(core.options.limits.connections != 0 ? core.options.limits.connections
                                                             : default_connection_limit()) {
    // Not at once: the host may close() from its callback, and the last client's frames are below.
    core.on_no_clients = [this] { core.reactor.defer(*this); };
    waker = net::make_handle<uv_async_t>(
        [](uv_loop_t* loop, uv_async_t* async) {
          return uv_async_init(loop, async, [](uv_async_t* handle) {
            if (handle->data != nullptr) static_cast<Impl*>(handle->data)->adopt_pool();
          });
        },
        uv_loop);
    if (!waker) throw std::bad_alloc();
    waker->data = this;
  }

  void on_accepted(net::Accepted accepted) noexcept override {
    if (core.stats.client_connections >= max_connections) {
      return turn_away(accepted, 503, "This port has too many connections.");
    }
    ClientGuard::Seat seat;
    const net::PeerIp ip = net::PeerIp::of(accepted.peer);
    if (core.client_guard && ip.family != AF_UNSPEC && !core.client_guard->enter(ip.address(), seat)) {
      return turn_away(accepted, 429, "This address has too many connections.");
    }
    proxy::ClientConnection::accept(core, std::move(accepted), std::move(seat));
  }

  // Best effort: what fits into the socket's buffer at once, and no waiting.
  void turn_away(const net::Accepted& accepted, int status, std::string_view detail) noexcept {
    ++core.stats.connections_refused;
    const int fd = accepted.fd.get();
    const std::string text = http::render(
        {.status = status, .detail = detail, .location = {}, .retry_after_s = 1, .now = std::time(nullptr)});
    proxy::log_turned_away(core, net::PeerIp::of(accepted.peer), status);
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
    if (core.draining && drained) std::exchange(drained, nullptr)();
  }

  void end_clients() {
    while (proxy::ClientConnection* client = core.clients.front()) client->stop();
  }

  const TargetPool& pool;
  proxy::HttpCore core;
  net::Listener listener;
  net::UvHandle<uv_async_t> waker;
  std::uint32_t max_connections;
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
  const Result<net::SocketAddress> socket_address = net::ip_address(address.host, address.port);
  if (!socket_address) return std::unexpected(socket_address.error());
  Result<net::Fd> fd =
      net::listen_stream(*socket_address, {.reuse_port = address.reuse_port, .backlog = address.backlog});
  if (!fd) return std::unexpected(fd.error());
  const Result<void> opened = impl_->listener.open(std::move(*fd));
  if (opened) impl_->bound_port = impl_->listener.port();
  return opened;
}

Result<void> try_bind(const ListenAddress& address) {
  const Result<net::SocketAddress> socket_address = net::ip_address(address.host, address.port);
  if (!socket_address) return std::unexpected(socket_address.error());
  const Result<net::Fd> bound = net::bind_stream(*socket_address, false);
  if (!bound) return std::unexpected(bound.error());
  return {};
}

std::uint16_t HttpProxy::port() const noexcept {
  return impl_->bound_port;
}

void HttpProxy::wake() noexcept {
  uv_async_send(impl_->waker.get());
}

void HttpProxy::drain(std::function<void()> drained) {
  impl_->listener.close();
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

void HttpProxy::close(std::function<void()> closed) {
  if (std::exchange(impl_->closed, true)) return;
  impl_->drained = nullptr;
  impl_->listener.close();
  impl_->end_clients();
  impl_->core.upstreams.close_idle();
  impl_->core.reactor.close();
  // Closed last, so that its callback comes on the turn in which every handle goes.
  uv_async_t* waker = impl_->waker.release();
  waker->data = closed ? new std::function<void()>(std::move(closed)) : nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(waker), [](uv_handle_t* handle) {
    const std::unique_ptr<std::function<void()>> told(static_cast<std::function<void()>*>(handle->data));
    delete reinterpret_cast<uv_async_t*>(handle);
    if (told) (*told)();
  });
}

HttpStats HttpProxy::stats() const noexcept {
  HttpStats stats = impl_->core.stats;
  stats.upstream_connections = impl_->core.upstreams.open();
  stats.upstream_idle = impl_->core.upstreams.idle();
  return stats;
}

}  // namespace evenkeel
