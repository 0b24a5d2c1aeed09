#include "evenkeel/tcp_proxy.hpp"

#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "net/handover.hpp"
#include "net/listener.hpp"
#include "net/socket.hpp"
#include "pool/snapshot.hpp"
#include "proxy/listening.hpp"
#include "proxy/tcp_core.hpp"
#include "proxy/tcp_session.hpp"
#include "proxy/waker.hpp"

namespace evenkeel {
namespace {

// One port of a range.
class PortAcceptor : public net::Acceptor {
 public:
  PortAcceptor(proxy::TcpCore& core, std::uint16_t offset) noexcept : core_(core), offset_(offset) {}
  void on_accepted(net::Accepted accepted) noexcept final {
    proxy::TcpSession::accept(core_, std::move(accepted), offset_);
  }
  [[nodiscard]] std::uint16_t offset() const noexcept { return offset_; }

 protected:
  ~PortAcceptor() = default;
  proxy::TcpCore& core_;

 private:
  std::uint16_t offset_;
};

class PortListener final : public PortAcceptor {
 public:
  PortListener(proxy::TcpCore& core, std::uint16_t offset) noexcept
      : PortAcceptor(core, offset), listener_(core.reactor, *this) {}

  Result<void> open(const net::SocketAddress& address, const net::ListenOptions& options) noexcept {
    Result<net::Fd> fd = net::listen_stream(address, options);
    if (!fd) return std::unexpected(fd.error());
    return open(std::move(*fd));
  }
  Result<void> open(net::Fd fd) noexcept {
    core_.tune(fd.get());
    return listener_.open(std::move(fd));
  }
  void close() noexcept { listener_.close(); }
  void finish() noexcept { listener_.finish(); }
  void set_shared() noexcept { listener_.set_shared(); }
  [[nodiscard]] bool is_shared() const noexcept { return listener_.is_shared(); }
  [[nodiscard]] bool is_open() const noexcept { return listener_.is_open(); }
  [[nodiscard]] int descriptor() const noexcept { return listener_.descriptor(); }
  [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  net::Listener listener_;
};

class PortHandover final : public PortAcceptor {
 public:
  PortHandover(proxy::TcpCore& core, std::uint16_t offset) noexcept
      : PortAcceptor(core, offset), listener_(core.reactor, *this) {}

  Result<void> open(net::Fd fd) noexcept { return listener_.open(std::move(fd)); }
  void close() noexcept { listener_.close(); }
  void finish() noexcept { listener_.finish(); }
  [[nodiscard]] bool is_open() const noexcept { return listener_.is_open(); }
  [[nodiscard]] int descriptor() const noexcept { return listener_.descriptor(); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return listener_.lost(); }

 private:
  net::HandoverListener listener_;
};

}  // namespace

struct TcpProxy::Impl final : net::Task {
  Impl(uv_loop_s* uv_loop, const TargetPool& target_pool, std::unique_ptr<Strategy> strategy,
       TcpOptions options, LogSink& log)
      : pool(target_pool),
        core(uv_loop, target_pool, std::move(strategy), std::move(options), log),
        waker(uv_loop, [](void* self) { static_cast<Impl*>(self)->on_wake(); }, this) {
    // Not at once: the host may close() from its callback, and the last session's frames are below.
    core.on_no_sessions = [this] { core.reactor.defer(*this); };
    room_token = core.gate->on_room([this] { waker.ring(); });
  }

  Result<void> listen(const net::SocketAddress& first, const ListenAddress& address) {
    std::vector<std::unique_ptr<PortListener>> opened;
    for (std::uint16_t i = 0; i < address.count; ++i) {
      auto& listener = *opened.emplace_back(std::make_unique<PortListener>(core, i));
      const Result<void> listening =
          listener.open(first.shifted(i), {.reuse_port = address.reuse_port, .backlog = address.backlog});
      if (!listening) return listening;
    }
    bound_port = opened.front()->port();
    listeners = std::move(opened);
    return {};
  }

  Result<void> listen_on(net::Fd fd, const ListeningSocket& socket) {
    if (const Result<void> ready = net::prepare_listening(fd.get()); !ready) return ready;
    const Result<void> opened =
        proxy::open_into(listeners, std::make_unique<PortListener>(core, socket.offset), std::move(fd));
    if (!opened) return opened;
    if (socket.shared) listeners.back()->set_shared();
    if (socket.offset == 0) bound_port = listeners.back()->port();
    return {};
  }

  Result<void> attach(net::Fd fd, std::uint16_t offset) {
    return proxy::open_into(handovers, std::make_unique<PortHandover>(core, offset), std::move(fd));
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

  // The pool has published, or there may be a free place.
  void on_wake() noexcept {
    adopt_pool();
    core.serve_queue();
    core.reactor.end_event();
  }

  void adopt_pool() noexcept {
    try {
      core.balancer.refresh();
      core.adopt(*pool.snapshot());
    } catch (const std::bad_alloc&) {
      return;  // the next pick tries again
    }
  }

  void run() noexcept override {
    if (drained && core.stats.connections == 0) std::exchange(drained, nullptr)();
  }

  const TargetPool& pool;
  proxy::TcpCore core;
  std::vector<std::unique_ptr<PortListener>> listeners;
  std::vector<std::unique_ptr<PortHandover>> handovers;
  proxy::Waker waker;
  std::uint64_t room_token = 0;
  std::uint16_t bound_port = 0;
  std::function<void()> drained;
  bool closed = false;
};

TcpProxy::TcpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                   TcpOptions options, LogSink& log)
    : impl_(std::make_unique<Impl>(loop, pool, std::move(strategy), std::move(options), log)) {}

TcpProxy::~TcpProxy() {
  if (!impl_->closed) close({});
}

Result<void> TcpProxy::listen(const ListenAddress& address) {
  const Result<net::SocketAddress> first = proxy::first_of_range(address);
  if (!first) return std::unexpected(first.error());
  return impl_->listen(*first, address);
}

std::uint16_t TcpProxy::port() const noexcept {
  return impl_->bound_port;
}

Result<void> TcpProxy::attach(int descriptor, std::uint16_t port_offset) {
  return impl_->attach(net::Fd(descriptor), port_offset);
}

Result<ListeningSockets> TcpProxy::release() {
  Result<ListeningSockets> sockets = proxy::copy_sockets(impl_->listeners, impl_->handovers);
  if (sockets) impl_->stop_accepting();
  return sockets;
}

Result<void> TcpProxy::adopt(ListeningSockets sockets) {
  return proxy::adopt_each(std::move(sockets), [this](net::Fd fd, const ListeningSocket& socket) {
    return socket.attached ? impl_->attach(std::move(fd), socket.offset)
                           : impl_->listen_on(std::move(fd), socket);
  });
}

void TcpProxy::wake() noexcept {
  impl_->waker.ring();
}

void TcpProxy::drain(std::function<void()> drained) {
  impl_->accept_the_last();
  if (impl_->closed) return impl_->core.reactor.end_event();  // by the host's log sink
  impl_->drained = std::move(drained);
  if (impl_->core.stats.connections == 0) impl_->core.reactor.defer(*impl_);
  impl_->core.reactor.end_event();
}

void TcpProxy::cut(TargetKey target) {
  proxy::TcpSession* next = impl_->core.sessions.front();
  while (next != nullptr) {
    proxy::TcpSession& session = *next;
    next = impl_->core.sessions.next(session);
    if (session.is_on(target)) session.cut({ErrorCode::drain_timeout, Fault::us, false, 0});
  }
  impl_->core.reactor.end_event();
}

void TcpProxy::close(std::function<void()> closed) {
  if (std::exchange(impl_->closed, true)) return;
  impl_->drained = nullptr;
  impl_->stop_accepting();
  impl_->core.gate->unsubscribe(impl_->room_token);
  while (proxy::TcpSession* session = impl_->core.sessions.front()) {
    session->cut({ErrorCode::drain_timeout, Fault::us, false, 0});
  }
  impl_->core.shared_reactor.leave();
  // Last, so that its callback comes on the turn in which every handle goes.
  impl_->waker.close(std::move(closed));
}

TcpStats TcpProxy::stats() const noexcept {
  TcpStats stats = impl_->core.stats;
  for (const auto& handover : impl_->handovers) stats.handovers_lost += handover->lost();
  return stats;
}

}  // namespace evenkeel
