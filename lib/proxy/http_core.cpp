#include "proxy/http_core.hpp"

#include <utility>

#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {
namespace {

constexpr std::size_t kept_exchanges = 1'024;  // about 1 MiB; more are freed after a burst

}  // namespace

HttpCore::HttpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                   HttpOptions http_options, LogSink& log_sink)
    : options(std::move(http_options)),
      log(log_sink),
      reactor(loop),
      balancer(pool, std::move(strategy)),
      retry_budget(options.retry.budget_percent, options.retry.budget_min_per_second),
      upstreams(reactor, options.upstream, options.timeouts.connect),
      recycler_(*this) {
  spare_.reserve(kept_exchanges);
  used_.reserve(kept_exchanges);
}

HttpCore::~HttpCore() = default;

Exchange& HttpCore::take_exchange() {
  if (spare_.empty()) return *new Exchange(*this);
  Exchange& exchange = *spare_.back().release();
  spare_.pop_back();
  return exchange;
}

void HttpCore::give_back(Exchange& exchange) noexcept {
  used_.emplace_back(&exchange);
  if (!recycler_.linked()) reactor.defer(recycler_);
}

void HttpCore::Recycler::run() noexcept {
  while (!core_.used_.empty()) {
    if (core_.spare_.size() < kept_exchanges) core_.spare_.push_back(std::move(core_.used_.back()));
    core_.used_.pop_back();
  }
}

void HttpCore::client_opened(ClientConnection& client) noexcept {
  clients.push_back(client);
  ++stats.client_connections;
  ++stats.connections_accepted;
}

void HttpCore::client_closed() noexcept {
  --stats.client_connections;
  if (stats.client_connections == 0 && on_no_clients) on_no_clients();
}

}  // namespace evenkeel::proxy
