// What the connections and exchanges of one HttpProxy share.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "evenkeel/balancer.hpp"
#include "evenkeel/clock.hpp"
#include "evenkeel/http_proxy.hpp"
#include "evenkeel/log.hpp"

#include "base/cidr.hpp"
#include "base/intrusive_list.hpp"
#include "http/field.hpp"
#include "http/gather_list.hpp"
#include "net/shared_reactor.hpp"
#include "net/tls_acceptor.hpp"
#include "pool/retry_budget.hpp"
#include "proxy/upstream_pool.hpp"

namespace evenkeel::proxy {

// A client that has just come when draining begins has its request on the way.
inline constexpr std::chrono::milliseconds first_request_when_draining{1'000};

class ClientConnection;
class Exchange;

// Thread rule: the loop's thread.
class HttpCore {
 public:
  HttpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
           HttpOptions http_options, LogSink& log_sink);
  ~HttpCore();
  HttpCore(const HttpCore&) = delete;
  HttpCore& operator=(const HttpCore&) = delete;

  // An exchange that is ready to start; no allocation once as many as ever run at once were made.
  // nullptr when memory is out.
  Exchange* take_exchange() noexcept;
  // It is over. Its memory is used again only after the current event.
  void give_back(Exchange& exchange) noexcept;

  // What answers over TLS say, those of targets and our own. Empty: nothing.
  [[nodiscard]] std::string_view hsts() const noexcept {
    return options.tls ? std::string_view(options.hsts) : std::string_view();
  }

  void client_opened(ClientConnection& client) noexcept;
  void client_closed() noexcept;  // it has left the list already

  HttpOptions options;
  LogSink& log;
  net::SharedReactor shared_reactor;
  net::Reactor& reactor;
  Balancer balancer;
  const bool picks_by_client;                    // the strategy wants to know who asks
  std::vector<base::Cidr> proxy_peers;           // that send PROXY headers
  std::shared_ptr<ClientGuard> client_guard;     // null when clients are not limited
  std::shared_ptr<PortGate> gate;                // who comes in has a place there, until client_closed()
  std::optional<net::TlsAcceptor> tls_acceptor;  // none: plain HTTP
  const std::string sticky_attributes;           // of its cookie: what follows the value
  pool::RetryBudget retry_budget;
  UpstreamPool upstreams;

  // Scratch of the event being handled; never kept across two.
  http::FieldList fields;
  http::GatherList gather;

  base::IntrusiveList<ClientConnection> clients;
  HttpStats stats;
  bool draining = false;
  bool retiring = false;                // the next answer to a client is the last
  std::function<void()> on_no_clients;  // called each time the last client leaves

 private:
  class Recycler final : public net::Task {
   public:
    explicit Recycler(HttpCore& core) noexcept : core_(core) {}
    void run() noexcept override;

   private:
    HttpCore& core_;
  };

  base::IntrusiveList<Exchange> spare_;
  base::IntrusiveList<Exchange> used_;  // over, but perhaps still on the stack
  std::size_t spare_count_ = 0;
  Recycler recycler_;
};

}  // namespace evenkeel::proxy
