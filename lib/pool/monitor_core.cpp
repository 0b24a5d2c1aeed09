#include "pool/monitor_core.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "pool/snapshot.hpp"

namespace evenkeel::pool {
namespace {

using namespace std::chrono_literals;
using health::Verdict;

constexpr auto tick_every = 1s;
// A timer that is this late is not late: libuv counts in milliseconds, and a turn takes some time.
constexpr auto tolerated_lag = 5ms;

std::string_view event_name(Health from, Health to) noexcept {
  switch (to) {
    case Health::down:
      return "target_down";
    case Health::ejected:
      return "target_ejected";
    case Health::up:
    case Health::unknown:
      break;
  }
  return from == Health::ejected ? "target_recovered" : "target_up";
}

}  // namespace

MonitorCore::MonitorCore(TargetPool& of_pool, HealthOptions health_options, OutlierOptions outlier_options,
                         const Clock& a_clock, LogSink& a_log, std::uint64_t seed, HealthCheckMaker maker,
                         WakeAt wake)
    : targets(of_pool),
      options(std::move(health_options)),
      outlier_(outlier_options),
      clock_(a_clock),
      log_(a_log),
      make_check_(std::move(maker)),
      wake_at_(std::move(wake)),
      random_(seed),
      schedule_({options.interval, options.jitter_percent, options.max_concurrent}, random_),
      ejections_(outlier_) {}

void MonitorCore::start(std::function<void()> on_suspect) {
  started_ = true;
  // Only noted: a change can come from a listener of ours, in the middle of our own work.
  subscription_ = targets.subscribe([this] {
    pool_changed_ = true;
    arm();
  });
  targets.watch_failures(outlier_.consecutive_failures, std::move(on_suspect));
  next_tick_ = clock_.now() + tick_every;
  sync();
  for (const auto& [key, member] : members_) {
    if (member.checked) first_round_.insert(key);
  }
  arm();
}

void MonitorCore::stop() {
  stopped_ = true;
  if (!std::exchange(started_, false)) return;
  targets.unsubscribe(subscription_);
  targets.watch_failures(0, {});
  running_.clear();
}

// --- time ---

void MonitorCore::turn() {
  measure_lag(clock_.now());
  graves.clear();
  if (std::exchange(pool_changed_, false)) sync();
  end_late_checks();
  end_ejections();
  if (stopped_) return;
  if (const TimePoint now = clock_.now(); now >= next_tick_) {
    next_tick_ = now + tick_every;
    targets.tick();
  }
  start_due_checks();
  tell_first_round();
  arm();
}

// For whatever comes first. Called after everything that may change that.
void MonitorCore::arm() {
  if (!started_) return;
  const TimePoint now = clock_.now();
  measure_lag(now);
  TimePoint due = next_tick_;
  const auto consider = [&due](TimePoint time) { due = std::min(due, time); };
  if (pool_changed_ || !graves.empty() || (first_round_.empty() && !on_first_round.empty())) consider(now);
  if (const auto next = schedule_.next_due()) consider(*next);
  if (const auto next = ejections_.next_expiry()) consider(*next);
  for (const auto& [key, check] : running_) consider(check.deadline);
  // While checks are under way the timer is also the measure of the loop's lag.
  if (!running_.empty()) consider(now + std::max<std::chrono::nanoseconds>(options.timeout / lag_share, 1ms));
  due = std::max(due, now);

  armed_for_ = due;
  wake_at_(due);
}

void MonitorCore::measure_lag(TimePoint now) {
  if (armed_for_ && now > *armed_for_ + tolerated_lag) lag_ += now - *armed_for_;
  armed_for_.reset();
}

// --- members ---

void MonitorCore::sync() {
  const std::vector<TargetStatus> statuses = targets.status();
  std::set<TargetKey> there;
  for (const TargetStatus& status : statuses) there.insert(status.key);
  std::vector<TargetKey> gone;
  for (const auto& [key, member] : members_) {
    if (!there.contains(key)) gone.push_back(key);
  }
  for (const TargetKey key : gone) leave(key);
  for (const TargetStatus& status : statuses) {
    if (!members_.contains(status.key)) join(status);
    Member& member = members_.at(status.key);
    member.target = status.target;
    member.health = status.health;  // somebody else may have set it
    set_checked(status.key, member, make_check_ && status.target.admin != AdminState::disabled);
    if (stopped_) return;
  }
}

void MonitorCore::join(const TargetStatus& status) {
  Health before = status.health;
  // The ejection that an earlier monitor of this pool decided is not known here.
  if (before == Health::ejected) before = Health::unknown;
  if (!make_check_) before = Health::up;
  const auto [entry, added] = members_.try_emplace(
      status.key, Member{status.target.id(), status.target, health::CheckState(options.rise, options.fall),
                         before, status.health});
  change(status.key, entry->second, make_check_ ? "unchecked" : "checks are off");
}

void MonitorCore::leave(TargetKey key) {
  set_checked(key, members_.at(key), false);
  ejections_.forget(key);
  members_.erase(key);
}

void MonitorCore::set_checked(TargetKey key, Member& member, bool checked) {
  if (member.checked == checked) return;
  member.checked = checked;
  if (checked) {
    member.state = health::CheckState(options.rise, options.fall);  // what was known is out of date
    schedule_.add(key, clock_.now());
    return;
  }
  schedule_.remove(key);
  first_round_.erase(key);
  running_.erase(key);
}

// --- checks ---

void MonitorCore::start_due_checks() {
  while (!stopped_) {
    const TimePoint now = clock_.now();
    const auto key = schedule_.take_due(now);
    if (!key) return;
    const std::uint64_t serial = next_serial_++;
    HealthCheck& check =
        *running_.insert_or_assign(*key, Running{make_check_(), now + options.timeout, lag_, serial})
             .first->second.check;
    check.start(members_.at(*key).target, options.timeout,
                [this, key = *key, serial](std::optional<std::string> failure) {
                  finish(key, serial, std::move(failure), true);
                });
  }
}

void MonitorCore::end_late_checks() {
  const TimePoint now = clock_.now();
  std::vector<std::pair<TargetKey, std::uint64_t>> late;
  for (const auto& [key, check] : running_) {
    if (check.deadline <= now) late.emplace_back(key, check.serial);
  }
  for (const auto& [key, serial] : late) {
    const auto found = running_.find(key);
    if (found == running_.end()) continue;
    const auto* ours = dynamic_cast<const TellingCheck*>(found->second.check.get());
    finish(key, serial, std::string(ours != nullptr ? ours->late_reason() : "timeout"), false);
  }
}

void MonitorCore::finish(TargetKey key, std::uint64_t serial, std::optional<std::string> failure,
                         bool in_time) {
  const auto found = running_.find(key);
  if (found == running_.end() || found->second.serial != serial) return;
  const TimePoint now = clock_.now();
  measure_lag(now);
  const auto* ours = dynamic_cast<const TellingCheck*>(found->second.check.get());
  const bool we_were_late = !in_time && lag_ - found->second.lag_before > options.timeout / lag_share;
  const bool lagged = we_were_late || (failure && ours != nullptr && ours->our_fault());
  graves.push_back(std::move(found->second.check));  // we may be in one of its callbacks
  running_.erase(found);
  schedule_.finished(key, now);
  first_round_.erase(key);

  Member& member = members_.at(key);
  member.state.record(!failure, lagged);
  const bool pardoned = !failure && ejections_.pardon(key, now);
  if (pardoned) targets.reset_failures(key);
  change(key, member, failure ? std::string_view(*failure) : "check passed");
  arm();
}

// --- live traffic ---

health::PoolShare MonitorCore::share() const {
  const auto usable = std::ranges::count_if(members_, [](const auto& entry) {
    const Member& member = entry.second;
    return member.target.admin == AdminState::enabled && member.target.weight > 0 &&
           (member.health == Health::up || member.health == Health::unknown);
  });
  return {members_.size(), static_cast<std::size_t>(usable)};
}

void MonitorCore::find_suspects() {
  // Only what can be picked can fail, and only what is usable can be ejected.
  const std::shared_ptr<const PoolSnapshot> snapshot = targets.snapshot();
  for (const Candidate& candidate : snapshot->candidates) {
    const std::uint32_t failures = candidate.counters->consecutive_failures();
    if (failures < outlier_.consecutive_failures) continue;
    const auto found = members_.find(candidate.key);
    if (found == members_.end()) continue;
    Member& member = found->second;
    if (member.health == Health::down || member.health == Health::ejected) continue;
    if (!ejections_.suspect(candidate.key, failures, share(), clock_.now(), random_)) continue;
    change(candidate.key, member, std::to_string(failures) + " consecutive failures");
    if (stopped_) return;
  }
  arm();
}

void MonitorCore::end_ejections() {
  if (stopped_ || ejections_.ejected() == 0) return;
  for (const TargetKey key : ejections_.expire(clock_.now())) {
    // It starts with a clean slate: the count that ejected it must not eject it at the next failure.
    targets.reset_failures(key);
    change(key, members_.at(key), "ejection over");
    if (stopped_) return;
  }
}

// --- the outcome ---

Health MonitorCore::health_of(TargetKey key, const Member& member) const {
  if (member.state.verdict() == Verdict::down) return Health::down;
  if (ejections_.is_ejected(key)) return Health::ejected;
  return member.state.verdict() == Verdict::up ? Health::up : member.before_checks;
}

void MonitorCore::change(TargetKey key, Member& member, std::string_view reason) {
  const Health from = member.health;
  const Health to = health_of(key, member);
  if (from == to) return;
  if (!targets.set_health(key, to)) return;  // it has left; sync() will see
  member.health = to;
  ejections_.set_healthy(key, to == Health::up, clock_.now());
  if (from == Health::down) targets.reset_failures(key);

  const bool bad = to == Health::down || to == Health::ejected;
  const std::array fields{LogField{"port", options.name}, LogField{"target", member.id},
                          LogField{"reason", reason}};
  log_.log(bad ? LogLevel::warning : LogLevel::info, event_name(from, to), fields);
  const HealthEvent event{key, member.id, from, to, reason};
  // By index and by copy: a listener may add another.
  for (std::size_t i = 0; i < on_change.size(); ++i) {
    const auto listener = on_change[i];
    listener(event);
  }
}

void MonitorCore::tell_first_round() {
  if (stopped_ || !first_round_.empty()) return;
  for (const auto& listener : std::exchange(on_first_round, {})) listener();
}

}  // namespace evenkeel::pool
