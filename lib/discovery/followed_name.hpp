// One name: what it stands for, and when to ask again.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/dns_discovery.hpp"
#include "evenkeel/log.hpp"

#include "discovery/dns_channel.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::discovery {

struct Endpoint {
  std::uint32_t tier = 0;  // above that of the name
  std::string ip;
  std::uint16_t port = 0;  // 0: the target's
  std::string host = {};   // that an SRV record names; empty: the name itself
  std::uint32_t weight = 1;
  auto operator<=>(const Endpoint&) const = default;
};

// The records of a service with the addresses of their hosts. A host without any has no part.
std::vector<Endpoint> endpoints_of(const std::vector<ServiceRecord>& services,
                                   const std::map<std::string, std::vector<std::string>>& addresses);

// What all names of a process share.
struct DnsContext {
  uv_loop_t* loop;
  const DnsOptions options;
  LogSink& log;
  std::function<void()> changed;
  std::unique_ptr<DnsChannel> channel;
  std::vector<std::unique_ptr<DnsChannel>> old = {};  // until what was asked there is answered
  bool is_stale = false;  // no server has answered: the system's may be others by now

  // Not from within an answer.
  DnsChannel& fresh_channel();
};

class FollowedName {
 public:
  FollowedName(DnsContext& context, std::string name, bool is_service);

  void start() { look_up(); }
  // In order; none until the first answer.
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
  [[nodiscard]] bool is_waiting() const noexcept { return endpoints_.empty() && failures_ == 0; }

 private:
  void look_up();
  void on_addresses(std::expected<DnsAnswer<std::string>, DnsFailure> answer);
  void on_services(std::expected<DnsAnswer<ServiceRecord>, DnsFailure> answer);
  void on_host(const std::string& host, std::expected<DnsAnswer<std::string>, DnsFailure> answer);
  void on_hosts_known();
  void keep(std::vector<Endpoint> endpoints, std::chrono::seconds ttl);
  void fail(const DnsFailure& failure);
  void again_after(std::chrono::milliseconds wait);

  DnsContext& context_;
  const std::string name_;
  const bool is_service_;
  std::vector<Endpoint> endpoints_;
  unsigned failures_ = 0;  // in a row
  DnsCall call_;
  net::UvHandle<uv_timer_t> timer_;

  // Of a service, while it is looked up. A host that fails keeps the addresses that it had.
  DnsAnswer<ServiceRecord> services_{};
  std::map<std::string, std::vector<std::string>> addresses_;
  std::vector<DnsCall> host_calls_;
  std::size_t hosts_left_ = 0;
};

}  // namespace evenkeel::discovery
