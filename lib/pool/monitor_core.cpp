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
      outlier(outlier_options),
      clock(a_clock),
      log(a_log),
      make_check(std::move(maker)),
      wake_at(std::move(wake)),
      random(seed),
      schedule({options.interval, options.jitter_percent, options.max_concurrent}, random),
      ejections(outlier) {}

void MonitorCore::start(std::function<void()> on_suspect) {
  started = true;
  // Only noted: a change can come from a listener of ours, in the middle of our own work.
  subscription = targets.subscribe([this] {
    pool_changed = true;
    arm();
  });
  targets.watch_failures(outlier.consecutive_failures, std::move(on_suspect));
  next_tick = clock.now() + tick_every;
  sync();
  for (const auto& [key, member] : members) {
    if (member.checked) first_round.insert(key);
  }
  arm();
}

void MonitorCore::stop() {
  stopped = true;
  if (!std::exchange(started, false)) return;
  targets.unsubscribe(subscription);
  targets.watch_failures(0, {});
  running.clear();
}

// --- time ---

void MonitorCore::turn() {
  measure_lag(clock.now());
  graves.clear();
  if (std::exchange(pool_changed, false)) sync();
  end_late_checks();
  end_ejections();
  if (stopped) return;
  if (const TimePoint now = clock.now(); now >= next_tick) {
    next_tick = now + tick_every;
    targets.tick();
  }
  start_due_checks();
  tell_first_round();
  arm();
}

// For whatever comes first. Called after everything that may change that.
void MonitorCore::arm() {
  if (!started) return;
  const TimePoint now = clock.now();
  measure_lag(now);
  TimePoint due = next_tick;
  const auto consider = [&due](TimePoint time) { due = std::min(due, time); };
  if (pool_changed || !graves.empty() || (first_round.empty() && !on_first_round.empty())) consider(now);
  if (const auto next = schedule.next_due()) consider(*next);
  if (const auto next = ejections.next_expiry()) consider(*next);
  for (const auto& [key, check] : running) consider(check.deadline);
  // While checks are under way the timer is also the measure of the loop's lag.
  if (!running.empty()) consider(now + std::max<std::chrono::nanoseconds>(options.timeout / lag_share, 1ms));
  due = std::max(due, now);

  armed_for = due;
  wake_at(due);
}

void MonitorCore::measure_lag(TimePoint now) {
  if (armed_for && now > *armed_for + tolerated_lag) lag += now - *armed_for;
  armed_for.reset();
}

// --- members ---

void MonitorCore::sync() {
  const std::vector<TargetStatus> statuses = targets.status();
  std::set<TargetKey> there;
  for (const TargetStatus& status : statuses) there.insert(status.key);
  std::vector<TargetKey> gone;
  for (const auto& [key, member] : members) {
    if (!there.contains(key)) gone.push_back(key);
  }
  for (const TargetKey key : gone) leave(key);
  for (const TargetStatus& status : statuses) {
    if (!members.contains(status.key)) join(status);
    Member& member = members.at(status.key);
    member.target = status.target;
    member.health = status.health;  // somebody else may have set it
    set_checked(status.key, member, make_check && status.target.admin != AdminState::disabled);
    if (stopped) return;
  }
}

void MonitorCore::join(const TargetStatus& status) {
  Health before = status.health;
  // The ejection that an earlier monitor of this pool decided is not known here.
  if (before == Health::ejected) before = Health::unknown;
  if (!make_check) before = Health::up;
  const auto [entry, added] = members.try_emplace(
      status.key, Member{status.target.id(), status.target, health::CheckState(options.rise, options.fall),
                         before, status.health});
  change(status.key, entry->second, make_check ? "unchecked" : "checks are off");
}

void MonitorCore::leave(TargetKey key) {
  set_checked(key, members.at(key), false);
  ejections.forget(key);
  members.erase(key);
}

void MonitorCore::set_checked(TargetKey key, Member& member, bool checked) {
  if (member.checked == checked) return;
  member.checked = checked;
  if (checked) {
    member.state = health::CheckState(options.rise, options.fall);  // what was known is out of date
    schedule.add(key, clock.now());
    return;
  }
  schedule.remove(key);
  first_round.erase(key);
  running.erase(key);
}

// --- checks ---

void MonitorCore::start_due_checks() {
  while (!stopped) {
    const TimePoint now = clock.now();
    const auto key = schedule.take_due(now);
    if (!key) return;
    const std::uint64_t serial = next_serial++;
    HealthCheck& check =
        *running.insert_or_assign(*key, Running{make_check(), now + options.timeout, lag, serial})
             .first->second.check;
    check.start(members.at(*key).target, options.timeout,
                [this, key = *key, serial](std::optional<std::string> failure) {
                  finish(key, serial, std::move(failure), true);
                });
  }
}

void MonitorCore::end_late_checks() {
  const TimePoint now = clock.now();
  std::vector<std::pair<TargetKey, std::uint64_t>> late;
  for (const auto& [key, check] : running) {
    if (check.deadline <= now) late.emplace_back(key, check.serial);
  }
  for (const auto& [key, serial] : late) {
    const auto found = running.find(key);
    if (found == running.end()) continue;
    const auto* ours = dynamic_cast<const TellingCheck*>(found->second.check.get());
    finish(key, serial, std::string(ours != nullptr ? ours->late_reason() : "timeout"), false);
  }
}

void MonitorCore::finish(TargetKey key, std::uint64_t serial, std::optional<std::string> failure,
                         bool in_time) {
  const auto found = running.find(key);
  if (found == running.end() || found->second.serial != serial) return;
  const TimePoint now = clock.now();
  measure_lag(now);
  const auto* ours = dynamic_cast<const TellingCheck*>(found->second.check.get());
  const bool we_were_late = !in_time && lag - found->second.lag_before > options.timeout / lag_share;
  const bool lagged = we_were_late || (failure && ours != nullptr && ours->our_fault());
  graves.push_back(std::move(found->second.check));  // we may be in one of its callbacks
  running.erase(found);
  schedule.finished(key, now);
  first_round.erase(key);

  Member& member = members.at(key);
  member.state.record(!failure, lagged);
  const bool pardoned = !failure && ejections.pardon(key, now);
  if (pardoned) targets.reset_failures(key);
  change(key, member, failure ? std::string_view(*failure) : "check passed");
  arm();
}

// --- live traffic ---

health::PoolShare MonitorCore::share() const {
  const auto usable = std::ranges::count_if(members, [](const auto& entry) {
    const Member& member = entry.second;
    return member.target.admin == AdminState::enabled && member.target.weight > 0 &&
           (member.health == Health::up || member.health == Health::unknown);
  });
  return {members.size(), static_cast<std::size_t>(usable)};
}

void MonitorCore::find_suspects() {
  // Only what can be picked can fail, and only what is usable can be ejected.
  const std::shared_ptr<const PoolSnapshot> snapshot = targets.snapshot();
  for (const Candidate& candidate : snapshot->candidates) {
    const std::uint32_t failures = candidate.counters->consecutive_failures();
    if (failures < outlier.consecutive_failures) continue;
    const auto found = members.find(candidate.key);
    if (found == members.end()) continue;
    Member& member = found->second;
    if (member.health == Health::down || member.health == Health::ejected) continue;
    if (!ejections.suspect(candidate.key, failures, share(), clock.now(), random)) continue;
    change(candidate.key, member, std::to_string(failures) + " consecutive failures");
    if (stopped) return;
  }
  arm();
}

void MonitorCore::end_ejections() {
  if (stopped || ejections.ejected() == 0) return;
  for (const TargetKey key : ejections.expire(clock.now())) {
    // It starts with a clean slate: the count that ejected it must not eject it at the next failure.
    targets.reset_failures(key);
    change(key, members.at(key), "ejection over");
    if (stopped) return;
  }
}

// --- the outcome ---

Health MonitorCore::health_of(TargetKey key, const Member& member) const {
  if (member.state.verdict() == Verdict::down) return Health::down;
  if (ejections.is_ejected(key)) return Health::ejected;
  return member.state.verdict() == Verdict::up ? Health::up : member.before_checks;
}

void MonitorCore::change(TargetKey key, Member& member, std::string_view reason) {
  const Health from = member.health;
  const Health to = health_of(key, member);
  if (from == to) return;
  if (!targets.set_health(key, to)) return;  // it has left; sync() will see
  member.health = to;
  ejections.set_healthy(key, to == Health::up, clock.now());
  if (from == Health::down) targets.reset_failures(key);

  const bool bad = to == Health::down || to == Health::ejected;
  const std::array fields{LogField{"port", options.name}, LogField{"target", member.id},
                          LogField{"reason", reason}};
  log.log(bad ? LogLevel::warning : LogLevel::info, event_name(from, to), fields);
  const HealthEvent event{key, member.id, from, to, reason};
  // By index and by copy: a listener may add another.
  for (std::size_t i = 0; i < on_change.size(); ++i) {
    const auto listener = on_change[i];
    listener(event);
  }
}

void MonitorCore::tell_first_round() {
  if (stopped || !first_round.empty()) return;
  for (const auto& listener : std::exchange(on_first_round, {})) listener();
}

}  // namespace evenkeel::pool
