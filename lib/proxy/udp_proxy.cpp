#include "evenkeel/udp_proxy.hpp"

#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "net/datagram.hpp"
#include "net/frames.hpp"
#include "net/poller.hpp"
#include "net/socket.hpp"
#include "pool/snapshot.hpp"
#include "proxy/listening.hpp"
#include "proxy/udp_core.hpp"
#include "proxy/waker.hpp"

namespace evenkeel {
namespace {

// Batches of one event: enough to keep up, few enough that replies get their turn in between.
constexpr int batches_an_event = 4;

// One port of a range, on a socket.
class UdpListener final : private net::IoHandler {
 public:
  UdpListener(proxy::UdpCore& core, std::uint16_t offset) noexcept : core_(core), offset_(offset) {}
  ~UdpListener() {
    if (fd_) core_.reactor.poller().close(std::move(fd_));
  }
  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;

  Result<void> open(net::Fd fd) noexcept {
    const Result<void> watched = core_.reactor.poller().watch(fd.get(), net::io::readable, *this);
    if (watched) fd_ = std::move(fd);
    return watched;
  }
  // Sessions go on answering from it.
  void stop_reading() noexcept { (void)core_.reactor.poller().watch(fd_.get(), net::io::none, *this); }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint16_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint16_t port() const noexcept {
    const Result<net::SocketAddress> address = net::local_address(fd_.get());
    return address ? address->port() : std::uint16_t{0};
  }

 private:
  void on_io(unsigned) noexcept override {
    net::DatagramBatch& batch = core_.reactor.datagrams_in();
    for (int i = 0; i < batches_an_event; ++i) {
      bool emptied = false;
      const auto received = batch.receive(fd_.get(), emptied);
      if (received) core_.on_datagrams({fd_.get(), offset_}, *received);
      batch.clear();
      if (!emptied) continue;
      core_.reactor.poller().used_up(fd_.get(), net::io::readable, true);
      return;
    }
  }

  proxy::UdpCore& core_;
  std::uint16_t offset_;
  net::Fd fd_;
};

// One port of a range, whose datagrams are handed over. The descriptor stays open as long as the proxy is:
// sessions know it by its number.
class UdpHandover final : private net::IoHandler {
 public:
  UdpHandover(proxy::UdpCore& core, std::uint16_t offset) noexcept : core_(core), offset_(offset) {}
  ~UdpHandover() {
    if (fd_) core_.reactor.poller().close(std::move(fd_));
  }
  UdpHandover(const UdpHandover&) = delete;
  UdpHandover& operator=(const UdpHandover&) = delete;

  Result<void> open(net::Fd fd) noexcept {
    const Result<void> watched = core_.reactor.poller().watch(fd.get(), net::io::readable, *this);
    if (watched) fd_ = std::move(fd);
    return watched;
  }
  void stop_reading() noexcept { (void)core_.reactor.poller().watch(fd_.get(), net::io::none, *this); }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint16_t offset() const noexcept { return offset_; }

 private:
  void on_io(unsigned) noexcept override {
    net::DatagramBatch& batch = core_.reactor.datagrams_in();
    net::Poller& poller = core_.reactor.poller();
    for (int i = 0; i < batches_an_event; ++i) {
      bool emptied = false;
      const auto received = batch.receive(fd_.get(), emptied);
      const std::size_t frames = received ? net::take_frames(*received) : 0;
      if (frames != 0) core_.on_datagrams({fd_.get(), offset_, true}, received->first(frames));
      const bool over = !received || frames < received->size();
      batch.clear();
      if (over) return (void)poller.watch(fd_.get(), net::io::none, *this);
      if (emptied) return poller.used_up(fd_.get(), net::io::readable, true);
    }
  }

  proxy::UdpCore& core_;
  std::uint16_t offset_;
  net::Fd fd_;
};

}  // namespace

struct UdpProxy::Impl final : net::Task {
  Impl(uv_loop_s* uv_loop, const TargetPool& target_pool, std::unique_ptr<Strategy> strategy,
       UdpOptions options, LogSink& log)
      : pool(target_pool),
        core(uv_loop, target_pool, std::move(strategy), std::move(options), log),
        waker(uv_loop, [](void* self) { static_cast<Impl*>(self)->on_wake(); }, this) {
    // Not at once: the host may close() from its callback, and the last session's frames are below.
    core.on_no_sessions = [this] { core.reactor.defer(*this); };
    room_token = core.gate->on_room([this] { waker.ring(); });
  }

  Result<void> listen(const net::SocketAddress& first, const ListenAddress& address) {
    std::vector<std::unique_ptr<UdpListener>> opened;
    for (std::uint16_t i = 0; i < address.count; ++i) {
      auto& listener = *opened.emplace_back(std::make_unique<UdpListener>(core, i));
      Result<net::Fd> fd = net::listen_datagram(
          first.shifted(i),
          {.reuse_port = address.reuse_port, .receive_buffer = core.options.receive_buffer});
      if (!fd) return std::unexpected(fd.error());
      const Result<void> listening = listener.open(std::move(*fd));
      if (!listening) return listening;
    }
    bound_port = opened.front()->port();
    listeners = std::move(opened);
    return {};
  }

  Result<void> listen_on(net::Fd fd, std::uint16_t offset) {
    if (const Result<void> ready = net::prepare_datagram(fd.get(), core.options.receive_buffer); !ready) {
      return ready;
    }
    if (const Result<void> ready = net::set_non_blocking(fd.get()); !ready) return ready;
    const Result<void> opened =
        proxy::open_into(listeners, std::make_unique<UdpListener>(core, offset), std::move(fd));
    if (opened && offset == 0) bound_port = listeners.back()->port();
    return opened;
  }

  Result<void> attach(net::Fd fd, std::uint16_t offset) {
    return proxy::open_into(handovers, std::make_unique<UdpHandover>(core, offset), std::move(fd));
  }

  void on_wake() noexcept {
    try {
      core.balancer.refresh();
      core.adopt(*pool.snapshot());
    } catch (const std::bad_alloc&) {
      return;  // the next pick tries again
    }
    core.make_room_for_others();
    core.reactor.end_event();
  }

  void run() noexcept override {
    if (drained && core.stats.sessions == 0) std::exchange(drained, nullptr)();
  }

  const TargetPool& pool;
  proxy::UdpCore core;
  std::vector<std::unique_ptr<UdpListener>> listeners;
  std::vector<std::unique_ptr<UdpHandover>> handovers;
  proxy::Waker waker;
  std::uint16_t bound_port = 0;
  std::uint64_t room_token = 0;
  std::function<void()> drained;
  bool closed = false;
};

UdpProxy::UdpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                   UdpOptions options, LogSink& log)
    : impl_(std::make_unique<Impl>(loop, pool, std::move(strategy), std::move(options), log)) {}

UdpProxy::~UdpProxy() {
  if (!impl_->closed) close({});
}

Result<void> UdpProxy::listen(const ListenAddress& address) {
  const Result<net::SocketAddress> first = proxy::first_of_range(address);
  if (!first) return std::unexpected(first.error());
  return impl_->listen(*first, address);
}

std::uint16_t UdpProxy::port() const noexcept {
  return impl_->bound_port;
}

Result<void> UdpProxy::attach(int descriptor, std::uint16_t port_offset) {
  return impl_->attach(net::Fd(descriptor), port_offset);
}

Result<ListeningSockets> UdpProxy::release() {
  Result<ListeningSockets> sockets = proxy::copy_sockets(impl_->listeners, impl_->handovers);
  if (!sockets) return sockets;
  impl_->core.lose_clients();
  for (const auto& listener : impl_->listeners) listener->stop_reading();
  for (const auto& handover : impl_->handovers) handover->stop_reading();
  return sockets;
}

Result<void> UdpProxy::adopt(ListeningSockets sockets) {
  return proxy::adopt_each(std::move(sockets), [this](net::Fd fd, const ListeningSocket& socket) {
    return socket.attached ? impl_->attach(std::move(fd), socket.offset)
                           : impl_->listen_on(std::move(fd), socket.offset);
  });
}

void UdpProxy::wake() noexcept {
  impl_->waker.ring();
}

// The listening sockets stay: the clients of sessions write to them, and replies come from there.
void UdpProxy::drain(std::function<void()> drained) {
  impl_->drained = std::move(drained);
  impl_->core.gate->unsubscribe(impl_->room_token);
  impl_->core.drain();
  if (impl_->core.stats.sessions == 0) impl_->core.reactor.defer(*impl_);
  impl_->core.reactor.end_event();
}

void UdpProxy::cut(TargetKey target) {
  impl_->core.cut(target);
  impl_->core.reactor.end_event();
}

void UdpProxy::close(std::function<void()> closed) {
  if (std::exchange(impl_->closed, true)) return;
  impl_->drained = nullptr;
  impl_->core.gate->unsubscribe(impl_->room_token);
  impl_->core.end_all();
  impl_->listeners.clear();
  impl_->handovers.clear();
  impl_->core.shared_reactor.leave();
  // Last, so that its callback comes on the turn in which every handle goes.
  impl_->waker.close(std::move(closed));
}

UdpStats UdpProxy::stats() const noexcept {
  return impl_->core.stats;
}

}  // namespace evenkeel
