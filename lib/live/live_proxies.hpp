// The real proxies of a live scenario's port: one for each worker, all of them on one loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/target_pool.hpp"

namespace evenkeel::live {

// Thread rule: the loop's. Lifetime: loop, pool and log outlive it, and the loop runs after close() until it
// has nothing to do.
class LiveProxies {
 public:
  LiveProxies(uv_loop_t* loop, TargetPool& pool, LogSink& log, std::uint64_t seed)
      : loop_(loop), pool_(pool), log_(log), seed_(seed) {}

  // On a free port of 127.0.0.1.
  Result<void> listen(const PortSpec& port, unsigned workers);
  // As the command does it at a reload: others take over the sockets, and these end what they have.
  Result<void> replace(const PortSpec& port);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::uint64_t retries() const;
  void close();

 private:
  struct Served {
    std::unique_ptr<Proxy> proxy;
    std::function<std::uint64_t()> retries;
  };
  // The port's, with what its workers share.
  struct Shared {
    HttpOptions http;
    TcpOptions tcp;
    UdpOptions udp;
  };
  void share(const PortSpec& port);
  Served make(const PortSpec& port, unsigned worker) const;

  uv_loop_t* const loop_;
  TargetPool& pool_;
  LogSink& log_;
  const std::uint64_t seed_;
  std::uint16_t port_ = 0;
  std::uint64_t subscription_ = 0;
  Shared shared_;
  std::vector<Served> served_;
  std::vector<Served> retired_;
};

}  // namespace evenkeel::live
