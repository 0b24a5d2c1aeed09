#include "worker.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

namespace evenkeel::cli {
namespace {

constexpr std::uint64_t lag_interval_ms = 250;

SlotStats stats_of(const Proxy& proxy) noexcept {
  SlotStats stats;
  if (const auto* http = dynamic_cast<const HttpProxy*>(&proxy)) stats.add(http->stats());
  if (const auto* tcp = dynamic_cast<const TcpProxy*>(&proxy)) stats.add(tcp->stats());
  if (const auto* udp = dynamic_cast<const UdpProxy*>(&proxy)) stats.add(udp->stats());
  return stats;
}

Error uv_failure(int code) noexcept {
  return {ErrorCode::system, Fault::us, false, -code};
}

}  // namespace

struct Worker::Leaving : uv_timer_t {
  Leaving(Worker& worker, Slot its_slot, std::unique_ptr<Proxy> its_proxy)
      : owner(worker), slot(its_slot), proxy(std::move(its_proxy)) {
    uv_timer_init(&owner.loop_, this);
    data = this;
  }

  // Until what it has is over: whoever has a successor goes out of the way without anybody's notice.
  void retire() {
    proxy->retire([this] { end(); });
  }
  void drain(std::chrono::milliseconds patience) {
    proxy->drain([this] { end(); });
    uv_timer_start(
        this, [](uv_timer_t* timer) { static_cast<Leaving*>(timer->data)->end(); },
        static_cast<std::uint64_t>(patience.count()), 0);
  }
  // Whatever is under way is cut. Once.
  void end() {
    if (std::exchange(is_ending, true)) return;
    uv_timer_stop(this);
    proxy->close([this] {
      uv_close(reinterpret_cast<uv_handle_t*>(static_cast<uv_timer_t*>(this)), [](uv_handle_t* handle) {
        auto& self = *static_cast<Leaving*>(handle->data);
        self.owner.on_left(self.slot, &self);
      });
    });
  }

  Worker& owner;
  const Slot slot;
  std::unique_ptr<Proxy> proxy;
  bool is_ending = false;
  bool is_counted = false;  // among those whose end is the end of draining
};

Worker::Worker(StrategyArgs args, LogSink& log, Reporter report)
    : args_(args), log_(log), report_(std::move(report)) {}

Worker::~Worker() {
  join();
}

Result<void> Worker::start() {
  std::promise<Result<void>> promise;
  auto started = promise.get_future();
  try {
    thread_ = std::thread(&Worker::run, this, std::move(promise));
  } catch (const std::system_error& error) {
    return std::unexpected(Error{ErrorCode::system, Fault::us, false, error.code().value()});
  }
  return started.get();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::run(std::promise<Result<void>> started) {
  if (const int failed = uv_loop_init(&loop_); failed != 0) {
    started.set_value(std::unexpected(uv_failure(failed)));
    return;
  }
  if (const int failed = commands_.open(&loop_, [](const Command& command) { command(); }); failed != 0) {
    uv_loop_close(&loop_);
    started.set_value(std::unexpected(uv_failure(failed)));
    return;
  }
  start_lag_clock();
  started.set_value({});
  uv_run(&loop_, UV_RUN_DEFAULT);  // until end_if_empty() has taken the last handle away
  uv_loop_close(&loop_);
  report_({WorkerReport::Kind::closed});
}

// --- what is asked of it, from the control thread ---

void Worker::add(Slot slot, WorkerPort port) {
  commands_.post([this, slot, port = std::move(port)] {
    Served& served = served_[slot];
    served.port = port;
    try {
      served.proxy = make_proxy(port);
    } catch (const std::bad_alloc&) {
      report_({WorkerReport::Kind::not_opened, slot, {ErrorCode::system, Fault::us, false, ENOMEM}});
    }
  });
}

void Worker::open(Slot slot, ListenAddress address) {
  commands_.post([this, slot, address = std::move(address)] {
    const auto found = served_.find(slot);
    if (found == served_.end() || !found->second.proxy) return;
    Proxy& proxy = *found->second.proxy;
    const Result<void> listening = proxy.port() != 0 ? Result<void>() : proxy.listen(address);
    if (listening) return report_({WorkerReport::Kind::opened, slot});
    report_({WorkerReport::Kind::not_opened, slot, listening.error()});
  });
}

void Worker::adopt(Slot slot, std::shared_ptr<ListeningSockets> sockets) {
  commands_.post([this, slot, sockets = std::move(sockets)] {
    const auto found = served_.find(slot);
    if (found == served_.end() || !found->second.proxy) return;
    Proxy& proxy = *found->second.proxy;
    const Result<void> adopted = proxy.port() != 0 ? Result<void>() : proxy.adopt(std::move(*sockets));
    if (adopted) return report_({WorkerReport::Kind::opened, slot});
    report_({WorkerReport::Kind::not_opened, slot, adopted.error()});
  });
}

void Worker::attach(Slot slot, int descriptor, std::uint16_t port_offset) {
  auto sockets = std::make_shared<ListeningSockets>();
  sockets->add({descriptor, port_offset, true});
  commands_.post([this, slot, sockets] {
    const auto found = served_.find(slot);
    if (found == served_.end() || !found->second.proxy) return;
    const Result<void> attached = found->second.proxy->adopt(std::move(*sockets));
    if (!attached) report_({WorkerReport::Kind::not_attached, slot, attached.error()});
  });
}

void Worker::replace(Slot slot, WorkerPort port) {
  commands_.post([this, slot, port = std::move(port)] { on_replace(slot, port); });
}

void Worker::remove(Slot slot, std::chrono::milliseconds patience) {
  commands_.post([this, slot, patience] {
    const auto found = served_.find(slot);
    if (found == served_.end()) return report_({WorkerReport::Kind::gone, slot});
    // Those that others have succeeded have no time limit yet.
    for (const auto& leaving : found->second.leaving) {
      if (!leaving->is_ending) leaving->drain(patience);
    }
    if (auto proxy = std::move(found->second.proxy)) let_go(slot, std::move(proxy)).drain(patience);
  });
}

void Worker::wake(Slot slot) {
  commands_.post([this, slot] {
    const auto found = served_.find(slot);
    if (found == served_.end()) return;
    if (found->second.proxy) found->second.proxy->wake();
    for (const auto& leaving : found->second.leaving) {
      if (!leaving->is_ending) leaving->proxy->wake();
    }
  });
}

void Worker::cut(Slot slot, TargetKey target) {
  commands_.post([this, slot, target] {
    const auto found = served_.find(slot);
    if (found == served_.end()) return;
    if (found->second.proxy) found->second.proxy->cut(target);
    for (const auto& leaving : found->second.leaving) {
      if (!leaving->is_ending) leaving->proxy->cut(target);
    }
  });
}

void Worker::report_stats() {
  commands_.post([this] {
    report_({.kind = WorkerReport::Kind::stats, .stats = std::make_shared<const WorkerStats>(stats())});
  });
}

void Worker::drain() {
  commands_.post([this] {
    draining_ = 1;  // itself, so that an empty worker says so, too
    for (auto& [slot, served] : served_) {
      for (const auto& leaving : served.leaving) {
        if (leaving->is_ending) continue;
        ++draining_;
        leaving->is_counted = true;
        leaving->proxy->drain([its = leaving.get()] { its->end(); });
      }
      if (!served.proxy) continue;
      ++draining_;
      served.proxy->drain([this] { on_drained(); });
    }
    on_drained();
  });
}

void Worker::close() {
  commands_.post([this] { close_all(); });
}

// --- on its own thread ---

std::unique_ptr<Proxy> Worker::make_proxy(const WorkerPort& port) {
  auto strategy = port.strategy(args_);
  switch (port.spec->protocol) {
    case Protocol::http:
    case Protocol::https:
      break;
    case Protocol::tcp: {
      TcpOptions options = port.spec->tcp;
      options.client_guard = port.client_guard;
      options.gate = port.gate;
      options.allow = port.allow;
      options.observer = observer_of(port);
      if (port.allow) options.identity = identity_of(port);
      if (port.behind_tailscaled) options.accept_proxy_protocol = {std::string(loopback)};
      return std::make_unique<TcpProxy>(&loop_, *port.pool, std::move(strategy), std::move(options), log_);
    }
    case Protocol::udp: {
      UdpOptions options = port.spec->udp;
      options.observer = observer_of(port);
      options.gate = port.gate;
      return std::make_unique<UdpProxy>(&loop_, *port.pool, std::move(strategy), std::move(options), log_);
    }
  }
  return std::make_unique<HttpProxy>(&loop_, *port.pool, std::move(strategy), http_options(port), log_);
}

std::shared_ptr<WorkObserver> Worker::observer_of(const WorkerPort& port) const {
  return port.metrics ? port.metrics->observer(args_.loop_index) : nullptr;
}

HttpOptions Worker::http_options(const WorkerPort& port) {
  HttpOptions options = port.spec->http;
  options.client_guard = port.client_guard;
  options.gate = port.gate;
  options.retry_reserve = port.retry_reserve;
  options.tls = port.tls.server;
  options.target_tls = port.tls.client;
  options.identity = identity_of(port);
  options.identity_headers = port.spec->identity_headers;
  options.allow = port.allow;
  options.observer = observer_of(port);
  if (port.behind_tailscaled) options.accept_proxy_protocol = {std::string(loopback)};
  return options;
}

// One for all ports of a tailscaled or a node: what one of them has asked, the others know.
std::shared_ptr<IdentitySource> Worker::identity_of(const WorkerPort& port) {
  const TailnetSpec& tailnet = port.spec->tailnet;
  if (tailnet.mode == TailnetMode::off) return nullptr;
  std::shared_ptr<IdentitySource>& source = identities_[{tailnet.socket, port.node, port.behind_tailscaled}];
  if (source) return source;
  if (port.node != nullptr) {
    source = port.node->identities(&loop_, clock_);
  } else {
    // Behind tailscaled clients are named by a header: a loopback address is nobody's.
    source = make_identity_source(&loop_, tailnet.socket, clock_, !port.behind_tailscaled);
  }
  return source;
}

void Worker::on_replace(Slot slot, WorkerPort port) {
  const auto found = served_.find(slot);
  if (found == served_.end() || !found->second.proxy || closing_) return;
  Served& served = found->second;
  const auto fail = [&](const Error& error) { report_({WorkerReport::Kind::not_replaced, slot, error}); };
  try {
    auto next = make_proxy(port);
    Result<ListeningSockets> sockets = served.proxy->release();
    if (!sockets) return fail(sockets.error());
    // Nothing can be taken back from here on: what does not open is told.
    const Result<void> adopted = next->adopt(*std::move(sockets));
    let_go(slot, std::exchange(served.proxy, std::move(next))).retire();
    served.port = std::move(port);
    if (!adopted) fail(adopted.error());
  } catch (const std::bad_alloc&) {
    fail({ErrorCode::system, Fault::us, false, ENOMEM});
  }
}

Worker::Leaving& Worker::let_go(Slot slot, std::unique_ptr<Proxy> proxy) {
  return *served_[slot].leaving.emplace_back(std::make_unique<Leaving>(*this, slot, std::move(proxy)));
}

void Worker::on_left(Slot slot, const Leaving* gone) {
  const auto found = served_.find(slot);
  const bool was_counted = gone->is_counted && !closing_;
  SlotStats ended = stats_of(*gone->proxy);
  // What it has now, it has no more.
  ended.connections = ended.waiting = ended.upstream_connections = ended.upstream_idle = 0;
  past_[slot].add(ended);
  std::erase_if(found->second.leaving, [&](const auto& leaving) { return leaving.get() == gone; });
  if (was_counted) on_drained();
  if (found->second.proxy || !found->second.leaving.empty()) return;
  served_.erase(found);
  past_.erase(slot);
  // A node that comes after this one must not find its questions under the same address.
  std::erase_if(identities_, [](const auto& entry) { return entry.second.use_count() == 1; });
  report_({WorkerReport::Kind::gone, slot});
  if (closing_) end_if_empty();
}

void Worker::on_drained() {
  if (--draining_ == 0) report_({WorkerReport::Kind::drained});
}

void Worker::close_all() {
  closing_ = true;
  for (auto& [slot, served] : served_) {
    for (const auto& leaving : served.leaving) leaving->end();
    if (auto proxy = std::move(served.proxy)) let_go(slot, std::move(proxy)).end();
  }
  end_if_empty();
}

WorkerStats Worker::stats() {
  WorkerStats all;
  for (const auto& [slot, served] : served_) {
    SlotStats sum = past_[slot];
    if (served.proxy) sum.add(stats_of(*served.proxy));
    for (const auto& leaving : served.leaving) sum.add(stats_of(*leaving->proxy));
    all.slots.emplace_back(slot, sum);
  }
  all.lag = std::chrono::nanoseconds(std::exchange(lag_ns_, 0));
  return all;
}

// A timer that is late was kept waiting by something else on this loop.
void Worker::start_lag_clock() {
  uv_timer_init(&loop_, &lag_clock_);
  lag_clock_.data = this;
  lag_due_ns_ = uv_hrtime() + lag_interval_ms * 1'000'000;
  uv_timer_start(
      &lag_clock_,
      [](uv_timer_t* timer) {
        auto& worker = *static_cast<Worker*>(timer->data);
        const std::uint64_t now = uv_hrtime();
        // Up to a millisecond is the timer's own grain.
        if (now > worker.lag_due_ns_) worker.lag_ns_ = std::max(worker.lag_ns_, now - worker.lag_due_ns_);
        worker.lag_due_ns_ = now + lag_interval_ms * 1'000'000;
      },
      lag_interval_ms, lag_interval_ms);
}

// Questions about identity that are under way would keep the loop until they are answered.
void Worker::end_if_empty() {
  if (!served_.empty()) return;
  identities_.clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&lag_clock_), nullptr);
  commands_.close();
}

}  // namespace evenkeel::cli
