// The control side of a pool: changes its targets and publishes what the loops should see.
#include "evenkeel/target_pool.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "pool/eligibility.hpp"
#include "pool/slow_start.hpp"
#include "pool/snapshot.hpp"

namespace evenkeel {
namespace {

struct Member {
  TargetKey key = 0;
  std::string id;
  std::uint64_t token = 0;
  std::shared_ptr<const Target> target;  // replaced, never changed: snapshots share it
  std::shared_ptr<TargetCounters> counters;
  Health health = Health::unknown;
  TimePoint health_since;
  // Joined before any target of the pool had been up: part of what the pool starts with.
  bool founder = false;
  std::optional<TimePoint> warming_since;
  std::uint32_t tenths = pool::SlowStart::full;  // as published
};

Error fail(ErrorCode code) noexcept {
  return {code, Fault::us, false, 0};
}

bool valid(const Target& target) noexcept {
  return target.weight <= max_weight && !target.is_service;
}

}  // namespace

struct TargetPool::Impl {
  Impl(PoolOptions pool_options, const Clock& pool_clock)
      : options(pool_options), slow_start(pool_options.slow_start), clock(pool_clock) {}

  [[nodiscard]] Member* find(std::string_view id) noexcept {
    const auto found = std::ranges::find(members, id, &Member::id);
    return found == members.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Member* find(TargetKey key) const noexcept {
    const auto found = std::ranges::find(members, key, &Member::key);
    return found == members.end() ? nullptr : &*found;
  }

  [[nodiscard]] Member make_member(const Target& target, std::string id, Health health);
  bool replace_target(Member& member, const Target& target);
  void set_health(Member& member, Health health);
  void note_up(Member& member, bool newcomer);
  [[nodiscard]] TargetStatus status_of(const Member& member) const;

  void publish();
  [[nodiscard]] std::shared_ptr<PoolSnapshot> build();
  void tell_subscribers();

  PoolOptions options;
  pool::SlowStart slow_start;
  const Clock& clock;

  std::vector<Member> members;  // in the order of the spec
  TargetKey next_key = 1;
  bool ever_up = false;
  bool warming = false;
  std::uint32_t eject_after = 0;
  std::shared_ptr<pool::FailureWatch> watch = std::make_shared<pool::FailureWatch>();

  std::vector<std::pair<std::uint64_t, std::shared_ptr<std::function<void()>>>> subscribers;
  std::uint64_t next_token = 1;

  // What other threads read. A mutex and not std::atomic<std::shared_ptr>: loops take it only after
  // the version told them to, and ThreadSanitizer does not understand libstdc++ 12's.
  mutable std::mutex mutex;
  std::shared_ptr<const PoolSnapshot> current;
  std::atomic<std::uint64_t> version{0};
};

TargetPool::TargetPool(PoolOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(options, clock)) {
  impl_->publish();
}

TargetPool::~TargetPool() {
  impl_->watch->set({});
}

Result<TargetKey> TargetPool::add(const Target& target, Health health) {
  if (!valid(target)) return std::unexpected(fail(ErrorCode::invalid_argument));
  std::string id = target.id();
  if (impl_->find(id) != nullptr) return std::unexpected(fail(ErrorCode::duplicate_target));
  impl_->members.push_back(impl_->make_member(target, std::move(id), health));
  const TargetKey key = impl_->members.back().key;
  impl_->publish();
  return key;
}

Result<void> TargetPool::remove(std::string_view id) {
  const Member* const member = impl_->find(id);
  if (member == nullptr) return std::unexpected(fail(ErrorCode::unknown_target));
  impl_->members.erase(impl_->members.begin() + (member - impl_->members.data()));
  impl_->publish();
  return {};
}

Result<void> TargetPool::set_weight(std::string_view id, std::uint32_t weight) {
  Member* const member = impl_->find(id);
  if (member == nullptr) return std::unexpected(fail(ErrorCode::unknown_target));
  if (weight > max_weight) return std::unexpected(fail(ErrorCode::invalid_argument));
  Target target = *member->target;
  target.weight = weight;
  if (impl_->replace_target(*member, target)) impl_->publish();
  return {};
}

Result<void> TargetPool::set_admin(std::string_view id, AdminState state) {
  Member* const member = impl_->find(id);
  if (member == nullptr) return std::unexpected(fail(ErrorCode::unknown_target));
  Target target = *member->target;
  target.admin = state;
  if (impl_->replace_target(*member, target)) impl_->publish();
  return {};
}

Result<void> TargetPool::set_health(TargetKey key, Health health) {
  const auto member = std::ranges::find(impl_->members, key, &Member::key);
  if (member == impl_->members.end()) return std::unexpected(fail(ErrorCode::unknown_target));
  if (member->health == health) return {};
  impl_->set_health(*member, health);
  impl_->publish();
  return {};
}

Result<void> TargetPool::replace_all(std::span<const Target> targets, Health health_of_new) {
  // Nothing to tell anybody of.
  const auto target_of = [](const Member& member) -> const Target& { return *member.target; };
  if (std::ranges::equal(impl_->members, targets, {}, target_of)) return {};
  std::unordered_map<std::string, std::size_t> order;  // id -> index in targets
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!valid(targets[i])) return std::unexpected(fail(ErrorCode::invalid_argument));
    if (!order.emplace(targets[i].id(), i).second) {
      return std::unexpected(fail(ErrorCode::duplicate_target));
    }
  }

  std::vector<std::optional<Member>> next(targets.size());
  for (Member& member : impl_->members) {
    const auto found = order.find(member.id);
    if (found != order.end()) next[found->second] = std::move(member);
  }
  for (auto& [id, i] : order) {
    if (next[i]) {
      impl_->replace_target(*next[i], targets[i]);
    } else {
      next[i] = impl_->make_member(targets[i], id, health_of_new);
    }
  }
  impl_->members.clear();
  for (auto& member : next) impl_->members.push_back(std::move(*member));
  impl_->publish();
  return {};
}

void TargetPool::set_options(PoolOptions options) {
  if (options == impl_->options) return;
  impl_->options = options;
  impl_->slow_start = pool::SlowStart(options.slow_start);
  impl_->publish();
}

void TargetPool::tick() {
  if (!impl_->warming) return;
  const TimePoint now = impl_->clock.now();
  const bool moved = std::ranges::any_of(impl_->members, [&](const Member& member) {
    return impl_->slow_start.tenths(member.warming_since, now) != member.tenths;
  });
  if (moved) impl_->publish();
}

std::vector<TargetStatus> TargetPool::status() const {
  std::vector<TargetStatus> all;
  all.reserve(impl_->members.size());
  for (const Member& member : impl_->members) all.push_back(impl_->status_of(member));
  return all;
}

std::optional<TargetStatus> TargetPool::find(TargetKey key) const {
  const Member* const member = impl_->find(key);
  if (member == nullptr) return std::nullopt;
  return impl_->status_of(*member);
}

std::size_t TargetPool::size() const noexcept {
  return impl_->members.size();
}

void TargetPool::watch_failures(std::uint32_t threshold, std::function<void()> on_suspect) {
  impl_->watch->set(std::move(on_suspect));
  impl_->eject_after = threshold;
  for (const Member& member : impl_->members) {
    member.counters->eject_after_.store(threshold, std::memory_order_relaxed);
  }
}

void TargetPool::reset_failures(TargetKey key) noexcept {
  const auto found = std::ranges::find(impl_->members, key, &Member::key);
  if (found != impl_->members.end()) found->counters->failing_.store(0, std::memory_order_relaxed);
}

std::uint64_t TargetPool::subscribe(std::function<void()> on_publish) {
  const std::uint64_t token = impl_->next_token++;
  impl_->subscribers.emplace_back(token, std::make_shared<std::function<void()>>(std::move(on_publish)));
  return token;
}

void TargetPool::unsubscribe(std::uint64_t token) {
  std::erase_if(impl_->subscribers, [token](const auto& entry) { return entry.first == token; });
}

std::uint64_t TargetPool::version() const noexcept {
  return impl_->version.load(std::memory_order_acquire);
}

std::shared_ptr<const PoolSnapshot> TargetPool::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->current;
}

Member TargetPool::Impl::make_member(const Target& target, std::string id, Health health) {
  Member member;
  member.key = next_key++;
  member.id = std::move(id);
  member.token = target_token(target);
  member.target = std::make_shared<const Target>(target);
  member.counters = std::make_shared<TargetCounters>();
  member.counters->eject_after_.store(eject_after, std::memory_order_relaxed);
  member.health = health;
  member.health_since = clock.now();
  member.founder = !ever_up;
  if (health == Health::up) note_up(member, true);
  return member;
}

// False when nothing changed.
bool TargetPool::Impl::replace_target(Member& member, const Target& target) {
  if (*member.target == target) return false;
  const bool enabled_again =
      member.target->admin != AdminState::enabled && target.admin == AdminState::enabled;
  member.target = std::make_shared<const Target>(target);
  if (enabled_again && member.health == Health::up) note_up(member, false);
  return true;
}

void TargetPool::Impl::set_health(Member& member, Health health) {
  const bool newcomer = member.health == Health::unknown;
  member.health = health;
  member.health_since = clock.now();
  if (health == Health::up) {
    note_up(member, newcomer);
  } else {
    member.warming_since.reset();
  }
}

// A slow start begins whenever a target becomes usable, except for those that the pool starts with:
// they all have cold caches, and someone has to do the work.
void TargetPool::Impl::note_up(Member& member, bool newcomer) {
  if (slow_start.enabled() && !(newcomer && member.founder)) member.warming_since = clock.now();
}

TargetStatus TargetPool::Impl::status_of(const Member& member) const {
  const TargetCounters& counters = *member.counters;
  return {member.key,           *member.target,      member.health,       member.health_since,
          counters.in_flight(), counters.requests(), counters.failures(), counters.bytes()};
}

std::shared_ptr<PoolSnapshot> TargetPool::Impl::build() {
  auto snapshot = std::make_shared<PoolSnapshot>();
  snapshot->watch = watch;
  const TimePoint now = clock.now();
  std::vector<pool::Standing> standings;
  standings.reserve(members.size());
  warming = false;
  for (Member& member : members) {
    const Target& target = *member.target;
    standings.push_back({target.tier, target.weight, target.admin, member.health});
    ever_up = ever_up || member.health == Health::up;
    member.tenths = slow_start.tenths(member.warming_since, now);
    if (member.tenths == pool::SlowStart::full) member.warming_since.reset();
    warming = warming || member.warming_since.has_value();
  }

  // Weights are in tenths only while one of the targets in use is warming up.
  snapshot->eligible = pool::eligible(standings, options.panic_percent);
  const bool in_tenths = warming && std::ranges::any_of(snapshot->eligible, [this](std::uint32_t i) {
                           return members[i].tenths != pool::SlowStart::full;
                         });
  snapshot->entries.reserve(members.size());
  for (const Member& member : members) {
    const std::uint32_t weight = member.target->weight * (in_tenths ? member.tenths : 1);
    snapshot->entries.push_back(
        {member.key, member.health, weight, member.token, member.target, member.counters});
  }
  snapshot->candidates.reserve(snapshot->eligible.size());
  snapshot->tokens.reserve(snapshot->eligible.size());
  for (const std::uint32_t i : snapshot->eligible) {
    const PoolSnapshot::Entry& entry = snapshot->entries[i];
    snapshot->candidates.push_back({entry.key, entry.weight, entry.target.get(), entry.counters.get()});
    snapshot->tokens.push_back(entry.token);
  }
  if (snapshot->eligible.empty()) return snapshot;
  for (const std::uint32_t i : pool::members_of(standings, standings[snapshot->eligible.front()].tier)) {
    const PoolSnapshot::Entry& entry = snapshot->entries[i];
    snapshot->members.push_back({entry.key, entry.target->weight, entry.target.get(), entry.counters.get()});
  }
  return snapshot;
}

void TargetPool::Impl::publish() {
  auto snapshot = build();
  snapshot->version = version.load(std::memory_order_relaxed) + 1;
  std::shared_ptr<const PoolSnapshot> old = snapshot;  // freed here and not under the lock
  {
    const std::lock_guard lock(mutex);
    current.swap(old);
  }
  // After the snapshot is in place: whoever sees the new version finds at least that snapshot.
  version.store(snapshot->version, std::memory_order_release);
  tell_subscribers();
}

// A subscriber may change the pool, subscribe or unsubscribe, itself included.
void TargetPool::Impl::tell_subscribers() {
  const auto now_subscribed = subscribers;
  for (const auto& [token, callback] : now_subscribed) {
    const bool still = std::ranges::any_of(subscribers, [t = token](const auto& s) { return s.first == t; });
    if (still && *callback) (*callback)();
  }
}

}  // namespace evenkeel
