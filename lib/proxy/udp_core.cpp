#include "proxy/udp_core.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <sys/resource.h>
#include <utility>

#include "net/frames.hpp"
#include "pool/snapshot.hpp"

namespace evenkeel {
namespace proxy {
namespace {

// How long a session of a port that drains may be silent: nobody can say when the talk of a client is over.
constexpr std::chrono::milliseconds silence_when_draining{2'000};

bool contains(const std::vector<TargetKey>& sorted, TargetKey key) noexcept {
  return std::ranges::binary_search(sorted, key);
}

}  // namespace

UdpCore::UdpCore(uv_loop_t* loop, const TargetPool& pool, std::unique_ptr<Strategy> strategy,
                 UdpOptions udp_options, LogSink& log_sink)
    : options(std::move(udp_options)),
      log(log_sink),
      shared_reactor(loop),
      reactor(shared_reactor.get()),
      balancer(pool, std::move(strategy), reactor.clock()),
      by_affinity(balancer.strategy() == "hash"),
      gate(options.gate ? options.gate : make_gate(options)),
      sessions_(0, UdpClientHash{uv_hrtime()}) {
  reactor.timeouts().prepare({options.idle, silence_when_draining});
  reactor.prepare_datagrams();
  adopt(*pool.snapshot());
}

// --- from clients ---

void UdpCore::on_datagrams(const UdpSource& source, std::span<const net::Datagrams> batch) noexcept {
  while (!batch.empty()) {
    // A client that sent several in a row is looked up once, and they go on with one system call.
    std::size_t run = 1;
    while (run < batch.size() && batch[run].peer == batch[0].peer && batch[run].local == batch[0].local)
      ++run;
    const std::span<const net::Datagrams> own = batch.first(run);
    batch = batch.subspan(run);
    const bool truncated = std::ranges::any_of(own, &net::Datagrams::truncated);
    UdpSession* session = truncated ? nullptr : find_or_begin(source, own[0]);
    if (session != nullptr) {
      session->on_client_datagrams(own);
    } else {
      for (const net::Datagrams& lost : own) stats.datagrams_dropped += lost.count();
    }
  }
}

UdpSession* UdpCore::find_or_begin(const UdpSource& source, const net::Datagrams& first) noexcept {
  const UdpClient client{first.peer, first.local, source};
  if (const auto found = sessions_.find(client); found != sessions_.end()) return *found;
  return draining_ ? nullptr : begin(client);
}

UdpSession* UdpCore::begin(const UdpClient& client) noexcept {
  if (!make_place()) return nullptr;
  std::unique_ptr<UdpSession> session(new (std::nothrow) UdpSession(*this, client));
  try {
    if (!session) throw std::bad_alloc();
    sessions_.insert(session.get());
  } catch (const std::bad_alloc&) {
    gate->leave();
    return nullptr;
  }
  ++stats.sessions;
  ++stats.sessions_begun;
  return session.release();
}

bool UdpCore::make_place() noexcept {
  if (gate->enter()) return true;
  if (stats.sessions >= gate->share() && !evict(nullptr)) return false;
  // The place that one of its own had; or others have more than theirs.
  if (!gate->enter()) gate->enter_anyway();
  return true;
}

void UdpCore::make_room_for_others() noexcept {
  while (!draining_ && stats.sessions > gate->share() && gate->give_back_excess()) {
    place_is_given_back_ = true;
    (void)evict(nullptr);
  }
}

bool UdpCore::evict(const UdpSession* spared) noexcept {
  for (auto* list : {&unproven_, &established_}) {
    UdpSession* oldest = list->front();
    if (oldest != nullptr && oldest == spared) oldest = list->next(*oldest);
    if (oldest == nullptr) continue;
    ++stats.sessions_evicted;
    oldest->end();
    return true;
  }
  return false;
}

// --- for sessions ---

net::DatagramBatch& UdpCore::replies() noexcept {
  net::DatagramBatch& batch = reactor.datagrams_out();
  if (batch.is_full()) flush_replies();
  if (!linked()) reactor.at_turn_end(*this);
  return batch;
}

// The batch is the loop's: it may hold replies of other ports, too, each with its own socket.
void UdpCore::flush_replies() noexcept {
  std::span<const net::Datagrams> rest = reactor.datagrams_out().all();
  while (!rest.empty()) {
    std::size_t run = 1;
    while (run < rest.size() && rest[run].fd == rest[0].fd) ++run;
    const int fd = rest[0].fd;
    if (fd >= 0 && rest[0].framed) {
      stats.datagrams_dropped += net::send_frames(fd, rest.first(run));
    } else if (fd >= 0) {
      stats.datagrams_dropped += net::send_datagrams(fd, rest.first(run), true).lost;
    }
    rest = rest.subspan(run);
  }
  reactor.datagrams_out().clear();
}

TargetAddresses* UdpCore::addresses(TargetKey key, const Target& target) noexcept {
  if (const auto found = addresses_.find(key); found != addresses_.end()) return found->second.get();
  try {
    return addresses_.emplace(key, std::make_unique<TargetAddresses>(reactor, target)).first->second.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

bool UdpCore::is_usable(TargetKey key) const noexcept {
  return contains(usable_, key);
}

bool UdpCore::is_gone_or_sick(TargetKey key) const noexcept {
  return !contains(usable_, key) && !contains(kept_, key);
}

std::chrono::milliseconds UdpCore::idle() const noexcept {
  return draining_ ? std::min(options.idle, silence_when_draining) : options.idle;
}

void UdpCore::touch(UdpSession& session) noexcept {
  (session.is_established() ? established_ : unproven_).push_back(session);
  session.restart_idle();
}

void UdpCore::session_ended(UdpSession& session) noexcept {
  sessions_.erase(&session);
  --stats.sessions;
  if (!draining_ && !std::exchange(place_is_given_back_, false)) gate->leave();
  if (stats.sessions == 0 && on_no_sessions) on_no_sessions();
}

// --- the pool ---

void UdpCore::adopt(const PoolSnapshot& snapshot) {
  if (pool_version_ == snapshot.version) return;
  std::vector<TargetKey> usable;
  std::vector<TargetKey> kept;
  usable.reserve(snapshot.candidates.size());
  for (const Candidate& candidate : snapshot.candidates) usable.push_back(candidate.key);
  for (const PoolSnapshot::Entry& entry : snapshot.entries) {
    const bool sick = entry.health == Health::down || entry.health == Health::ejected;
    if (!sick) kept.push_back(entry.key);
  }
  std::ranges::sort(usable);
  std::ranges::sort(kept);
  usable_ = std::move(usable);
  kept_ = std::move(kept);
  pool_version_ = snapshot.version;
  const auto is_there = [&](TargetKey key) {
    return std::ranges::find(snapshot.entries, key, &PoolSnapshot::Entry::key) != snapshot.entries.end();
  };
  // Of one that left, nobody waits for an address for long: the look-up itself ends that.
  std::erase_if(addresses_,
                [&](const auto& entry) { return !is_there(entry.first) && !entry.second->is_looking_up(); });
}

// Its sessions give their places back at once: their clients are others' now, where somebody reads on.
void UdpCore::drain() noexcept {
  if (std::exchange(draining_, true)) return;
  for (std::uint32_t i = 0; i < stats.sessions; ++i) gate->leave();
  for (auto* list : {&unproven_, &established_}) {
    for (UdpSession* session = list->front(); session != nullptr; session = list->next(*session)) {
      session->restart_idle();
    }
  }
}

void UdpCore::cut(TargetKey target) noexcept {
  for (auto* list : {&unproven_, &established_}) {
    UdpSession* next = list->front();
    while (next != nullptr) {
      UdpSession& session = *next;
      next = list->next(session);
      if (session.is_on(target)) session.end();
    }
  }
}

void UdpCore::end_all() noexcept {
  for (auto* list : {&unproven_, &established_}) {
    while (UdpSession* session = list->front()) session->end();
  }
  flush_replies();
  net::Task::unlink();
}

}  // namespace proxy

std::shared_ptr<PortGate> make_gate(const UdpOptions& options) {
  rlimit limit{};
  rlim_t most = options.sessions;
  // Each has a socket; others need descriptors, too.
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) most = std::min<rlim_t>(most, limit.rlim_cur / 2);
  return std::make_shared<PortGate>(static_cast<std::uint32_t>(most), 0);
}

}  // namespace evenkeel
