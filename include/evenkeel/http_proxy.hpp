// A whole HTTP/1.1 reverse proxy on the host's loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/access.hpp"
#include "evenkeel/balancer.hpp"
#include "evenkeel/client_guard.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/port_gate.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/retry_reserve.hpp"
#include "evenkeel/target_pool.hpp"
#include "evenkeel/tls.hpp"
#include "evenkeel/work_observer.hpp"

struct uv_loop_s;

namespace evenkeel {

// What to do with the client's own X-Forwarded-For, -Proto and -Host.
enum class ForwardedMode : std::uint8_t {
  replace,  // forget them and set ours: right when clients are not trusted (the default)
  append,   // add our client to the X-Forwarded-For list, keep Proto and Host where they came
  off,      // pass them through, add nothing
};

struct HttpTimeouts {
  std::chrono::milliseconds proxy_header{5'000};  // a whole PROXY header, from the accept on
  std::chrono::milliseconds handshake{10'000};    // of TLS with a client
  std::chrono::milliseconds head{10'000};         // a whole request head, from its first byte: 408
  std::chrono::milliseconds idle{60'000};         // a client connection with no request under way
  std::chrono::milliseconds body{30'000};         // no progress in a body, either way
  std::chrono::milliseconds connect{3'000};       // one connection attempt to a target
  std::chrono::milliseconds response{60'000};     // one target's response head, after the request went out
  std::chrono::milliseconds request{150'000};     // all attempts together, up to the response head: 504
  std::chrono::milliseconds tunnel{3'600'000};    // an upgraded connection with no byte either way
  friend bool operator==(const HttpTimeouts&, const HttpTimeouts&) = default;
};

struct HttpLimits {
  std::uint32_t head_bytes = 16'384;     // request or response head: 431, 502. 512 to 32,768
  std::uint32_t headers = 100;           // header fields: 431, 502. At most 256
  std::uint32_t uri_bytes = 8'192;       // request target: 414
  std::uint64_t body_bytes = 0;          // request body: 413; 0 means no limit of ours
  std::uint32_t trailer_bytes = 4'096;   // all trailers of one chunked body
  std::uint32_t chunk_line_bytes = 256;  // one chunk-size line with its extensions
  // Of clients, at once, over all loops that share HttpOptions::gate; 0: RLIMIT_NOFILE / 4.
  std::uint32_t connections = 0;
  std::uint32_t requests_per_connection = 0;  // then the connection is closed; 0 means no limit
  friend bool operator==(const HttpLimits&, const HttpLimits&) = default;
};

// Idle connections to targets, kept per target and loop.
struct UpstreamOptions {
  std::uint32_t max_idle = 64;
  std::chrono::milliseconds idle{4'000};  // below the 5 s at which Node and others hang up
  friend bool operator==(const UpstreamOptions&, const UpstreamOptions&) = default;
};

// Repeating a request that a target failed. Work that was certainly not begun (connection refused)
// moves on to the next target without touching the budget. A request that was sent is repeated only
// when its method is idempotent, no byte of a response has gone to the client, its body can be sent
// again, and the budget allows.
struct RetryOptions {
  std::uint32_t attempts = 3;         // of a request that was sent, the first one included; 1 never repeats
  std::uint32_t budget_percent = 20;  // repeats per request over the last 10 s, of each loop ...
  std::uint32_t budget_min_per_second = 10;  // ... and this many in any case, of the port
  friend bool operator==(const RetryOptions&, const RetryOptions&) = default;
};

// What the strategy "hash" keeps on one target. A request without it goes by its client's address.
struct HashKey {
  enum class By : std::uint8_t { ip, header, cookie, uri };
  By by = By::ip;
  std::string name;  // of the header (any case) or the cookie
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

// Keeps a client that brings the cookie back on the target that it names, under any strategy, while that is
// usable; another answer sets the cookie anew. Its value is a hash of the target's id, the same in every
// process: it hides nothing, and a client may choose its target with it.
struct StickyOptions {
  std::string cookie;               // name; off when empty
  std::chrono::seconds max_age{0};  // 0: until the client's program ends
  friend bool operator==(const StickyOptions&, const StickyOptions&) = default;
};

struct HttpOptions {
  std::string name;      // of the port, for logs
  std::string redirect;  // answer every request with 301 to this URL (its path kept when it ends in "/")
  std::string host;      // Host sent to targets; the client's own when empty
  std::string via;       // pseudonym for Via, which is also used to detect loops (508); off when empty
  ForwardedMode forwarded = ForwardedMode::replace;
  std::vector<std::string> upgrades{"websocket"};  // protocols a client may switch to, lower case
  bool access_log = false;
  std::shared_ptr<WorkObserver> observer;  // told of each as it ends; of this loop
  // As TcpOptions::accept_proxy_protocol: peers that start each connection with a PROXY header, before any
  // TLS.
  std::vector<std::string> accept_proxy_protocol;
  // The port is https when there is one. Shared by the proxies of all loops that serve it.
  std::shared_ptr<TlsServer> tls;
  // Strict-Transport-Security (RFC 6797) for answers over TLS that have none; off when empty.
  std::string hsts;
  // How https targets are trusted; by the system's CAs without one.
  std::shared_ptr<const TlsClient> target_tls;
  // Who clients are: asked once a connection, and again after half a minute, before a request is looked at.
  // Of this loop, and shared with nobody on another one. Without one nobody is asked, and what clients say of
  // themselves passes.
  std::shared_ptr<IdentitySource> identity;
  IdentityHeaders identity_headers = IdentityHeaders::none;  // how targets are told
  std::shared_ptr<const AccessList>
      allow;  // everybody else: 403. Needs `identity`; everybody when there is none
  HttpTimeouts timeouts;
  HttpLimits limits;
  UpstreamOptions upstream;
  RetryOptions retry;
  HashKey hash_key;
  StickyOptions sticky;
  ClientLimits per_client;  // over the rate: 429; over the connections: 429 and close
  // Shared by the proxies of all loops that serve one port. Without them a proxy makes its own, and each
  // loop counts by itself.
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  std::shared_ptr<RetryReserve> retry_reserve;  // of RetryOptions::budget_min_per_second
  friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

// The gate that `options` ask for: one for all loops of a port.
EVENKEEL_API std::shared_ptr<PortGate> make_gate(const HttpOptions& options);

struct HttpStats {
  std::uint64_t requests = 0;  // answered, by us or by a target
  std::uint64_t retries = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // over a limit, or without the PROXY header that was due
  std::uint64_t handovers_lost = 0;       // messages to attach() that were none, or without a descriptor left
  std::uint64_t tls_handshakes = 0;       // with clients; those that failed are not among them
  std::uint64_t tls_resumed = 0;          // of them, with a ticket
  std::uint64_t tls_failures = 0;
  std::uint64_t requests_limited = 0;      // over ClientLimits::requests_per_second, among `requests`
  std::uint32_t client_connections = 0;    // open now
  std::uint32_t upstream_connections = 0;  // open now, idle ones included
  std::uint32_t upstream_idle = 0;
};

// `pool` may live on another thread. Thread rule and lifetime: see Proxy.
class EVENKEEL_API HttpProxy final : public Proxy {
 public:
  // Throws std::bad_alloc, and std::invalid_argument when accept_proxy_protocol holds what is not an
  // address or a prefix.
  HttpProxy(uv_loop_s* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy, HttpOptions options,
            LogSink& log);
  ~HttpProxy() override;
  HttpProxy(const HttpProxy&) = delete;
  HttpProxy& operator=(const HttpProxy&) = delete;

  // One port: ListenAddress::count is 1, else invalid_argument.
  Result<void> listen(const ListenAddress& address) override;
  [[nodiscard]] std::uint16_t port() const noexcept override;
  Result<void> attach(int descriptor, std::uint16_t port_offset) override;
  Result<ListeningSockets> release() override;
  Result<void> adopt(ListeningSockets sockets) override;
  void wake() noexcept override;
  // Requests under way end (with "Connection: close"), idle connections close now.
  void drain(std::function<void()> drained) override;
  void retire(std::function<void()> drained) override;
  void cut(TargetKey target) override;
  void close(std::function<void()> closed) override;

  [[nodiscard]] HttpStats stats() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
