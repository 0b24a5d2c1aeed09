#include "proxy/http_core.hpp"

#include <new>
#include <utility>

#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"
#include "proxy/listening.hpp"

namespace evenkeel::proxy {
namespace {

constexpr std::size_t kept_exchanges = 1'024;  // about 1 MiB; more are freed after a burst

std::shared_ptr<ClientGuard> guard_for(const HttpOptions& options, std::uint64_t seed) {
  if (options.client_guard || !options.per_client.any()) return options.client_guard;
  return std::make_shared<ClientGuard>(options.per_client, seed);
}

std::shared_ptr<RetryReserve> reserve_for(const HttpOptions& options) {
  if (options.retry_reserve) return options.retry_reserve;
  return std::make_shared<RetryReserve>(options.retry.budget_min_per_second);
}

std::string attributes_of(const HttpOptions& options) {
  std::string text = "; Path=/; HttpOnly; SameSite=Lax";
  if (options.tls) text += "; Secure";
  const std::chrono::seconds max_age = options.sticky.max_age;
  if (max_age.count() != 0) text += "; Max-Age=" + std::to_string(max_age.count());
  return text;
}

}  // namespace

HttpCore::HttpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                   HttpOptions http_options, LogSink& log_sink)
    : options(std::move(http_options)),
      log(log_sink),
      shared_reactor(loop),
      reactor(shared_reactor.get()),
      balancer(pool, std::move(strategy), reactor.clock()),
      picks_by_client(balancer.strategy() == "hash"),
      proxy_peers(base::read_cidrs(options.accept_proxy_protocol)),
      client_guard(guard_for(options, reactor.now_ms())),
      gate(options.gate ? options.gate : make_gate(options)),
      sticky_attributes(attributes_of(options)),
      retry_budget(options.retry.budget_percent, reserve_for(options)),
      upstreams(reactor, options.upstream, options.timeouts.connect, options.target_tls),
      recycler_(*this) {
  if (options.tls) tls_acceptor.emplace(options.tls);
  reactor.timeouts().prepare({options.timeouts.proxy_header, options.timeouts.handshake,
                              options.timeouts.head, options.timeouts.idle, options.timeouts.body,
                              options.timeouts.connect, options.timeouts.response, options.timeouts.request,
                              options.timeouts.tunnel, options.upstream.idle, net::BulkRelay::patience,
                              first_request_when_draining});
}

HttpCore::~HttpCore() {
  recycler_.run();
  while (Exchange* exchange = spare_.front()) delete exchange;
}

Exchange* HttpCore::take_exchange() noexcept {
  Exchange* exchange = spare_.front();
  if (exchange == nullptr) return new (std::nothrow) Exchange(*this);
  static_cast<base::ListNode<Exchange>*>(exchange)->unlink();
  --spare_count_;
  return exchange;
}

void HttpCore::give_back(Exchange& exchange) noexcept {
  used_.push_back(exchange);
  if (!recycler_.linked()) reactor.defer(recycler_);
}

void HttpCore::Recycler::run() noexcept {
  while (Exchange* exchange = core_.used_.front()) {
    if (core_.spare_count_ >= kept_exchanges) {
      delete exchange;
      continue;
    }
    // The last used first: it is in the cache.
    core_.spare_.push_front(*exchange);
    ++core_.spare_count_;
  }
}

void HttpCore::client_opened(ClientConnection& client) noexcept {
  clients.push_back(client);
  ++stats.client_connections;
  ++stats.connections_accepted;
}

void HttpCore::client_closed() noexcept {
  gate->leave();
  --stats.client_connections;
  if (stats.client_connections == 0 && on_no_clients) on_no_clients();
}

}  // namespace evenkeel::proxy

namespace evenkeel {

std::shared_ptr<PortGate> make_gate(const HttpOptions& options) {
  const std::uint32_t most =
      options.limits.connections != 0 ? options.limits.connections : proxy::default_connections();
  return std::make_shared<PortGate>(most, 0);
}

}  // namespace evenkeel
