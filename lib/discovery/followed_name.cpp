#include "discovery/followed_name.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace evenkeel::discovery {
namespace {

constexpr std::size_t addresses_in_log = 8;

std::string list_of(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (std::size_t i = 0; i < std::min(endpoints.size(), addresses_in_log); ++i) {
    const Endpoint& each = endpoints[i];
    const bool is_bracketed = each.port != 0 && each.ip.contains(':');
    text += i == 0 ? "" : ", ";
    text += is_bracketed ? '[' + each.ip + ']' : each.ip;
    if (each.port != 0) text += ':' + std::to_string(each.port);
  }
  return endpoints.size() > addresses_in_log ? text + ", ..." : text;
}

}  // namespace

std::vector<Endpoint> endpoints_of(const std::vector<ServiceRecord>& services,
                                   const std::map<std::string, std::vector<std::string>>& addresses) {
  std::set<std::uint16_t> priorities;
  for (const ServiceRecord& service : services) priorities.insert(service.priority);
  std::vector<Endpoint> endpoints;
  for (const ServiceRecord& service : services) {
    const auto found = addresses.find(service.host);
    if (found == addresses.end()) continue;
    const auto tier = std::distance(priorities.begin(), priorities.find(service.priority));
    for (const std::string& ip : found->second) {
      endpoints.push_back({.tier = static_cast<std::uint32_t>(tier),
                           .ip = ip,
                           .port = service.port,
                           .host = service.host,
                           .weight = std::max<std::uint32_t>(service.weight, 1)});
    }
  }
  return endpoints;
}

DnsChannel& DnsContext::fresh_channel() {
  std::erase_if(old, [](const auto& each) { return each->is_idle(); });
  if (std::exchange(is_stale, false) && options.servers.empty()) {
    // What others have asked is not to fail with it.
    if (auto opened = DnsChannel::open(loop, options))
      old.push_back(std::exchange(channel, *std::move(opened)));
  }
  return *channel;
}

FollowedName::FollowedName(DnsContext& context, std::string name, bool is_service)
    : context_(context),
      name_(std::move(name)),
      is_service_(is_service),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, context.loop)) {
  timer_->data = this;
}

void FollowedName::look_up() {
  DnsChannel& channel = context_.fresh_channel();
  if (is_service_) {
    call_ = channel.services(name_, [this](auto answer) { on_services(std::move(answer)); });
  } else {
    call_ = channel.addresses(name_, [this](auto answer) { on_addresses(std::move(answer)); });
  }
}

void FollowedName::on_addresses(std::expected<DnsAnswer<std::string>, DnsFailure> answer) {
  if (!answer) return fail(answer.error());
  std::vector<Endpoint> endpoints;
  for (std::string& ip : answer->records) endpoints.push_back({.ip = std::move(ip)});
  keep(std::move(endpoints), answer->ttl);
}

void FollowedName::on_services(std::expected<DnsAnswer<ServiceRecord>, DnsFailure> answer) {
  if (!answer) return fail(answer.error());
  services_ = *std::move(answer);
  std::ranges::sort(services_.records, {}, &ServiceRecord::priority);
  if (services_.records.size() > context_.options.max_addresses)
    services_.records.resize(context_.options.max_addresses);
  std::set<std::string> hosts;
  for (const ServiceRecord& service : services_.records) hosts.insert(service.host);
  std::erase_if(addresses_, [&](const auto& entry) { return !hosts.contains(entry.first); });
  host_calls_.clear();
  // One more, for this: answers may come from within.
  hosts_left_ = hosts.size() + 1;
  for (const std::string& host : hosts) {
    host_calls_.push_back(
        context_.channel->addresses(host, [this, host](auto its) { on_host(host, std::move(its)); }));
  }
  on_hosts_known();
}

void FollowedName::on_host(const std::string& host,
                           std::expected<DnsAnswer<std::string>, DnsFailure> answer) {
  if (answer) {
    addresses_[host] = std::move(answer->records);
    services_.ttl = std::min(services_.ttl, answer->ttl);
  }
  on_hosts_known();
}

void FollowedName::on_hosts_known() {
  if (--hosts_left_ != 0) return;
  auto endpoints = endpoints_of(services_.records, addresses_);
  if (endpoints.empty()) return fail({"none of its hosts has an address"});
  keep(std::move(endpoints), services_.ttl);
}

// Servers turn the records of a name round with each answer: in order, the same is the same.
void FollowedName::keep(std::vector<Endpoint> endpoints, std::chrono::seconds ttl) {
  std::ranges::sort(endpoints);
  const auto [first, last] = std::ranges::unique(endpoints);
  endpoints.erase(first, last);
  if (endpoints.size() > context_.options.max_addresses) endpoints.resize(context_.options.max_addresses);
  failures_ = 0;
  again_after(std::clamp<std::chrono::milliseconds>(ttl, context_.options.min_ttl, context_.options.max_ttl));
  if (endpoints == endpoints_) return;
  endpoints_ = std::move(endpoints);
  const std::string list = list_of(endpoints_);
  const std::string count = std::to_string(endpoints_.size());
  const std::array<LogField, 3> fields{{{"name", name_}, {"targets", count}, {"addresses", list}}};
  context_.log.log(LogLevel::info, "dns_changed", fields);
  context_.changed();
}

// What was known goes on to be used.
void FollowedName::fail(const DnsFailure& failure) {
  constexpr unsigned most_doublings = 16;
  const auto wait = context_.options.min_ttl * (1U << std::min(failures_, most_doublings));
  context_.is_stale = context_.is_stale || failure.no_server;
  again_after(std::min<std::chrono::milliseconds>(wait, context_.options.max_ttl));
  if (++failures_ != 1) return;
  const std::string kept = std::to_string(endpoints_.size());
  const std::array<LogField, 3> fields{{{"name", name_}, {"reason", failure.reason}, {"kept", kept}}};
  context_.log.log(LogLevel::warning, "dns_failed", fields);
  if (endpoints_.empty()) context_.changed();
}

void FollowedName::again_after(std::chrono::milliseconds wait) {
  uv_update_time(context_.loop);
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<FollowedName*>(timer->data)->look_up();
      },
      static_cast<std::uint64_t>(wait.count()), 0);
}

}  // namespace evenkeel::discovery
