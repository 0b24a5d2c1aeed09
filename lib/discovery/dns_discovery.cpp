#include "evenkeel/dns_discovery.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "discovery/followed_name.hpp"
#include "net/address.hpp"

namespace evenkeel {
namespace {

struct Key {
  std::string name;
  bool is_service = false;
  auto operator<=>(const Key&) const = default;
};

Key key_of(const Target& target) {
  return {target.host, target.is_service};
}

bool is_followed(const Target& target) {
  if (!target.unix_path.empty() || target.host == "localhost") return false;
  return !net::ip_address(target.host, target.port);
}

Target at(const discovery::Endpoint& endpoint, const Target& target) {
  Target one = target;
  one.is_service = false;
  one.host = endpoint.ip;
  if (endpoint.port != 0) one.port = endpoint.port;
  one.name = endpoint.host.empty() ? target.host : endpoint.host;
  one.tier = target.tier + endpoint.tier;
  one.weight = std::min<std::uint32_t>(target.weight * endpoint.weight, max_weight);
  return one;
}

}  // namespace

struct DnsDiscovery::Impl {
  explicit Impl(discovery::DnsContext its_context) : context(std::move(its_context)) {}

  discovery::DnsContext context;
  std::map<Key, std::unique_ptr<discovery::FollowedName>> names;

  [[nodiscard]] const discovery::FollowedName* find(const Target& target) const {
    const auto found = names.find(key_of(target));
    return found == names.end() ? nullptr : found->second.get();
  }
};

DnsDiscovery::DnsDiscovery(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsDiscovery::~DnsDiscovery() = default;

Result<std::unique_ptr<DnsDiscovery>> DnsDiscovery::make(uv_loop_t* loop, DnsOptions options, LogSink& log,
                                                         Changed changed) {
  auto channel = discovery::DnsChannel::open(loop, options);
  if (!channel) return std::unexpected(channel.error());
  auto impl = std::make_unique<Impl>(discovery::DnsContext{.loop = loop,
                                                           .options = std::move(options),
                                                           .log = log,
                                                           .changed = std::move(changed),
                                                           .channel = *std::move(channel)});
  return std::unique_ptr<DnsDiscovery>(new DnsDiscovery(std::move(impl)));
}

void DnsDiscovery::follow(std::span<const Target> targets) {
  std::set<Key> wanted;
  for (const Target& target : targets) {
    if (is_followed(target)) wanted.insert(key_of(target));
  }
  std::erase_if(impl_->names, [&](const auto& entry) { return !wanted.contains(entry.first); });
  std::vector<discovery::FollowedName*> begun;
  for (const Key& key : wanted) {
    const auto [at, is_new] = impl_->names.try_emplace(key);
    if (!is_new) continue;
    at->second = std::make_unique<discovery::FollowedName>(impl_->context, key.name, key.is_service);
    begun.push_back(at->second.get());
  }
  // Those of the hosts file are answered at once, and who is told looks at all of them.
  for (discovery::FollowedName* name : begun) name->start();
}

std::vector<Target> DnsDiscovery::expand(std::span<const Target> targets) const {
  std::vector<Target> all;
  std::set<std::string> ids;
  const auto add = [&](Target target) {
    if (ids.insert(target.id()).second) all.push_back(std::move(target));
  };
  for (const Target& target : targets) {
    const discovery::FollowedName* const name = is_followed(target) ? impl_->find(target) : nullptr;
    if (name == nullptr || name->endpoints().empty()) {
      if (!target.is_service) add(target);
      continue;
    }
    for (const discovery::Endpoint& endpoint : name->endpoints()) add(at(endpoint, target));
  }
  return all;
}

bool DnsDiscovery::is_waiting(std::span<const Target> targets) const {
  return std::ranges::any_of(targets, [this](const Target& target) {
    const discovery::FollowedName* const name = impl_->find(target);
    return name != nullptr && name->is_waiting();
  });
}

}  // namespace evenkeel
