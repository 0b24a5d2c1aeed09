#include "live/live_proxies.hpp"

#include <algorithm>
#include <utility>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

#include "sim/sim_time.hpp"

namespace evenkeel::live {

LiveProxies::Served LiveProxies::make(const PortSpec& port, unsigned worker) const {
  const StrategyArgs args{.seed = seed_, .loop_index = worker};
  auto strategy = (*strategy_of(port))(args);
  const auto counted = [](auto made) {
    auto* const its = made.get();
    return Served{std::move(made), [its] { return its->stats().retries; }};
  };
  switch (port.protocol) {
    case Protocol::tcp:
      return counted(std::make_unique<TcpProxy>(loop_, pool_, std::move(strategy), shared_.tcp, log_));
    case Protocol::udp: {
      // As in the simulation: a request is a session, while its client waits.
      UdpOptions options = shared_.udp;
      options.replies = std::max(options.replies, 1U);
      options.idle =
          std::min(options.idle, std::chrono::duration_cast<std::chrono::milliseconds>(sim::client_patience));
      return {std::make_unique<UdpProxy>(loop_, pool_, std::move(strategy), std::move(options), log_),
              [] { return std::uint64_t{0}; }};
    }
    case Protocol::http:
    case Protocol::https:
      break;
  }
  return counted(std::make_unique<HttpProxy>(loop_, pool_, std::move(strategy), shared_.http, log_));
}

// What workers share counts on through a reload, as in the command.
void LiveProxies::share(const PortSpec& port) {
  const Shared before = std::exchange(shared_, {port.http, port.tcp, port.udp});
  const auto gate = [](std::shared_ptr<PortGate> made, const std::shared_ptr<PortGate>& old) {
    if (!old) return made;
    old->set_limits(made->most(), made->queue());
    return old;
  };
  shared_.http.gate = gate(make_gate(port.http), before.http.gate);
  shared_.tcp.gate = gate(make_gate(port.tcp), before.tcp.gate);
  shared_.udp.gate = gate(make_gate(port.udp), before.udp.gate);
  const std::uint32_t retries = port.http.retry.budget_min_per_second;
  shared_.http.retry_reserve = before.http.retry_reserve;
  if (shared_.http.retry_reserve) {
    shared_.http.retry_reserve->set_per_second(retries);
  } else {
    shared_.http.retry_reserve = std::make_shared<RetryReserve>(retries);
  }
}

Result<void> LiveProxies::listen(const PortSpec& port, unsigned workers) {
  share(port);
  ListenAddress address{.reuse_port = true};
  for (unsigned i = 0; i < workers; ++i) {
    served_.push_back(make(port, i));
    if (const auto listening = served_.back().proxy->listen(address); !listening) return listening;
    address.port = served_.front().proxy->port();
  }
  port_ = address.port;
  subscription_ = pool_.subscribe([this] {
    for (const Served& each : served_) each.proxy->wake();
  });
  return {};
}

Result<void> LiveProxies::replace(const PortSpec& port) {
  share(port);
  for (unsigned i = 0; i < served_.size(); ++i) {
    Served next = make(port, i);
    auto sockets = served_[i].proxy->release();
    if (!sockets) return std::unexpected(sockets.error());
    const auto adopted = next.proxy->adopt(*std::move(sockets));
    served_[i].proxy->retire({});
    retired_.push_back(std::exchange(served_[i], std::move(next)));
    if (!adopted) return adopted;
  }
  return {};
}

std::uint64_t LiveProxies::retries() const {
  std::uint64_t all = 0;
  for (const auto* some : {&served_, &retired_}) {
    for (const Served& each : *some) all += each.retries();
  }
  return all;
}

void LiveProxies::close() {
  if (subscription_ != 0) pool_.unsubscribe(std::exchange(subscription_, 0));
  for (const auto* some : {&served_, &retired_}) {
    for (const Served& each : *some) each.proxy->close({});
  }
}

}  // namespace evenkeel::live
