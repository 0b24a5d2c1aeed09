#include "tailnet/whois_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <span>
#include <utility>

#include "base/cidr.hpp"
#include "base/hash.hpp"
#include "net/address.hpp"

namespace evenkeel::tailnet {
namespace {

// The addresses that Tailscale gives to nodes: CGNAT (RFC 6598) and its own ULA prefix.
constexpr base::Cidr tailnet_v4{{100, 64}, 4, 10};
constexpr base::Cidr tailnet_v6{{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0}, 16, 48};
constexpr base::Cidr loopback_v4{{127}, 4, 8};
constexpr Error out_of_memory{ErrorCode::system, Fault::us, true, ENOMEM};
constexpr base::Cidr loopback_v6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 16, 128};

}  // namespace

// An asker who waits. Whichever goes first, this or the entry, unlinks it.
struct WhoisCache::Waiting final : Pending, base::ListNode<Waiting> {
  explicit Waiting(Callback& callback) noexcept : done(std::move(callback)) {}
  Callback done;
};

struct WhoisCache::Entry : base::ListNode<Entry> {
  explicit Entry(const Key& its_key) noexcept : key(its_key) {}
  Key key;
  std::string ip;  // to be asked about; empty once it was
  base::IntrusiveList<Waiting> askers;
  std::unique_ptr<WhoisAsker::Call> call;
  bool answered = false;
  Who who = nullptr;
  TimePoint expires{};
};

std::size_t WhoisCache::Hash::operator()(const Key& key) const noexcept {
  return base::hash_bytes(key.ip, (std::uint64_t{key.port} << 1U) | (key.v6 ? 1U : 0U));
}

WhoisCache::WhoisCache(std::unique_ptr<WhoisAsker> asker, const Clock& clock, WhoisCacheOptions options)
    : asker_(std::move(asker)), clock_(clock), options_(options) {}

WhoisCache::~WhoisCache() = default;

Result<std::optional<WhoisCache::Key>> WhoisCache::key_of(std::string_view ip,
                                                          std::uint16_t port) const noexcept {
  const Result<net::SocketAddress> address = net::ip_address(ip, port);
  if (!address) return std::unexpected(address.error());
  const net::PeerIp peer = net::PeerIp::of(*address);  // an IPv4-mapped one as the IPv4 that it is
  const std::span<const std::uint8_t> bytes = peer.address();
  Key key;
  std::ranges::copy(bytes, key.ip.begin());
  key.v6 = peer.family == AF_INET6;
  if (tailnet_v4.contains(bytes) || tailnet_v6.contains(bytes)) return key;
  const bool loopback = loopback_v4.contains(bytes) || loopback_v6.contains(bytes);
  if (!loopback || !options_.loopback || port == 0) return std::nullopt;
  key.port = port;
  return key;
}

IdentitySource::Query WhoisCache::identify(std::string_view ip, std::uint16_t port, Callback done) noexcept {
  const Result<std::optional<Key>> asked = key_of(ip, port);
  if (!asked || !*asked) {
    done({asked ? Who(nullptr) : std::unexpected(asked.error()), options_.keep});
    return nullptr;
  }
  const Key key = **asked;
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second->answered) {
    Entry& entry = *found->second;
    if (const TimePoint now = clock_.now(); now < entry.expires) {
      kept_.push_back(entry);
      // A copy: the callback may ask again, and this entry go.
      done({Who(entry.who), std::chrono::ceil<std::chrono::milliseconds>(entry.expires - now)});
      return nullptr;
    }
    forget(entry);
  }
  try {
    return ask(key, ip, done);
  } catch (const std::bad_alloc&) {
    done({std::unexpected(out_of_memory), options_.keep_error});
    return nullptr;
  }
}

IdentitySource::Query WhoisCache::ask(const Key& key, std::string_view ip, Callback& done) {
  Entry* entry = entry_for(key, ip);
  if (entry == nullptr) {
    done({std::unexpected(Error{ErrorCode::over_limit, Fault::us, true, 0}), options_.keep_error});
    return nullptr;
  }
  auto waiting = std::make_unique<Waiting>(done);
  entry->askers.push_back(*waiting);
  send_next();
  // Sending may have failed, and told the asker so.
  return waiting->linked() ? std::move(waiting) : nullptr;
}

// The entry that waits for the answer; a new one stands in the queue. Null when that is full.
WhoisCache::Entry* WhoisCache::entry_for(const Key& key, std::string_view ip) {
  if (const auto found = entries_.find(key); found != entries_.end()) return found->second.get();
  if (under_way_ >= options_.under_way && queue_length_ >= options_.queued) return nullptr;
  auto entry = std::make_unique<Entry>(key);
  entry->ip = ip;
  const auto [place, added] = entries_.emplace(key, std::move(entry));
  queued_.push_back(*place->second);
  ++queue_length_;
  return place->second.get();
}

void WhoisCache::send_next() {
  while (under_way_ < options_.under_way && !queued_.empty()) {
    Entry& entry = *queued_.front();
    entry.unlink();
    --queue_length_;
    if (entry.askers.empty()) {
      entries_.erase(Key(entry.key));  // whoever asked has gone
    } else {
      send(entry);
    }
  }
}

void WhoisCache::send(Entry& entry) {
  const Key key = entry.key;
  try {
    entry.call = asker_->ask(std::exchange(entry.ip, {}), key.port,
                             [this, key](WhoisAsker::Reply reply) { on_answer(key, std::move(reply)); });
    ++under_way_;
  } catch (const std::bad_alloc&) {
    // Asked again by whoever asks next; those who wait now have to be told.
    base::IntrusiveList<Waiting> askers;
    while (Waiting* waiting = entry.askers.front()) askers.push_back(*waiting);
    entries_.erase(key);
    while (Waiting* waiting = askers.front()) {
      waiting->unlink();
      const Callback done = std::move(waiting->done);
      done({std::unexpected(out_of_memory), options_.keep_error});
    }
  }
}

IdentitySource::Answer WhoisCache::judge(WhoisAsker::Reply reply) {
  if (!reply) {
    last_error_ = std::move(reply.error().text);
    return {std::unexpected(reply.error().error), options_.keep_error};
  }
  last_error_.clear();
  const auto keep = *reply ? options_.keep : options_.keep_unknown;
  return {*std::move(reply), keep};
}

void WhoisCache::on_answer(const Key& key, WhoisAsker::Reply reply) {
  const auto found = entries_.find(key);
  Entry& entry = *found->second;
  --under_way_;
  const Answer answer = judge(std::move(reply));
  base::IntrusiveList<Waiting> askers;
  while (Waiting* waiting = entry.askers.front()) askers.push_back(*waiting);
  // Before the callbacks: they may ask again. The call that ends here has let go of its callback's object.
  if (key.port != 0) {
    entries_.erase(found);
  } else {
    entry.answered = true;
    entry.who = answer.who;
    entry.expires = clock_.now() + answer.keep;
    entry.call.reset();
    kept_.push_back(entry);
    make_room();
  }
  send_next();
  // A callback may destroy the queries of others, which takes them off this list.
  while (Waiting* waiting = askers.front()) {
    waiting->unlink();
    const Callback done = std::move(waiting->done);
    done(answer);
  }
}

void WhoisCache::make_room() {
  std::size_t answered = entries_.size() - under_way_ - queue_length_;
  for (; answered > options_.entries; --answered) forget(*kept_.front());
}

void WhoisCache::forget(Entry& entry) noexcept {
  entries_.erase(Key(entry.key));  // not by a reference into what goes
}

}  // namespace evenkeel::tailnet
