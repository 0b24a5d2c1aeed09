// What a health monitor decides, without a loop: the state machines of lib/health over a pool. HealthMonitor
// drives it by a timer of libuv, a simulation by its own time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/health_monitor.hpp"

#include "base/random.hpp"
#include "health/check_schedule.hpp"
#include "health/check_state.hpp"
#include "health/ejection.hpp"

namespace evenkeel::pool {

// A check that can tell more than that it has failed.
class TellingCheck : public HealthCheck {
 public:
  // Why it failed, when the monitor has lost patience with it.
  [[nodiscard]] virtual std::string_view late_reason() const noexcept { return "timeout"; }
  // After a failure: it was ours (no descriptors left), so it says nothing about the target.
  [[nodiscard]] virtual bool our_fault() const noexcept { return false; }
};

// Thread rule: the pool's thread. Members are added and dropped only in turn(): never while a check or a
// listener of ours is on the stack.
struct MonitorCore {
  // A time-out does not count when our own loop was late by more than this part of it meanwhile.
  static constexpr int lag_share = 4;

  struct Member {
    std::string id;
    Target target;
    health::CheckState state;
    Health before_checks;  // what it is taken for until its first check
    Health health;         // as the pool has it
    bool checked = false;
  };
  struct Running {
    std::unique_ptr<HealthCheck> check;
    TimePoint deadline;
    std::chrono::nanoseconds lag_before;
    std::uint64_t serial;
  };
  // That turn() is to be called then, instead of when it was told before.
  using WakeAt = std::function<void(TimePoint due)>;

  // `maker` may be empty: nothing is checked.
  MonitorCore(TargetPool& of_pool, HealthOptions health_options, OutlierOptions outlier_options,
              const Clock& a_clock, LogSink& a_log, std::uint64_t seed, HealthCheckMaker maker, WakeAt wake);
  ~MonitorCore() { stop(); }
  MonitorCore(const MonitorCore&) = delete;
  MonitorCore& operator=(const MonitorCore&) = delete;

  // `on_suspect` comes from any thread: find_suspects() is to be called then, on the pool's.
  void start(std::function<void()> on_suspect);
  // For good.
  void stop();
  void turn();
  void find_suspects();
  void arm();

  TargetPool& targets;
  const HealthOptions options;
  std::vector<std::unique_ptr<HealthCheck>> graves;  // checks that ended, perhaps still on the stack
  std::vector<std::function<void(const HealthEvent&)>> on_change;
  std::vector<std::function<void()>> on_first_round;

 private:
  void measure_lag(TimePoint now);

  void sync();
  void join(const TargetStatus& status);
  void leave(TargetKey key);
  void set_checked(TargetKey key, Member& member, bool checked);

  void start_due_checks();
  void end_late_checks();
  void finish(TargetKey key, std::uint64_t serial, std::optional<std::string> failure, bool in_time);

  void end_ejections();
  [[nodiscard]] health::PoolShare share() const;

  [[nodiscard]] Health health_of(TargetKey key, const Member& member) const;
  void change(TargetKey key, Member& member, std::string_view reason);
  void tell_first_round();

  const OutlierOptions outlier_;
  const Clock& clock_;
  LogSink& log_;
  const HealthCheckMaker make_check_;
  const WakeAt wake_at_;
  base::Random random_;
  health::CheckSchedule schedule_;
  health::Ejections ejections_;

  std::map<TargetKey, Member> members_;
  std::map<TargetKey, Running> running_;
  std::uint64_t next_serial_ = 0;

  std::uint64_t subscription_ = 0;
  bool started_ = false;
  bool stopped_ = false;
  bool pool_changed_ = false;

  std::optional<TimePoint> armed_for_;
  std::chrono::nanoseconds lag_{0};  // all lateness of this monitor's life
  TimePoint next_tick_;

  std::set<TargetKey> first_round_;  // those still without a verdict
};

}  // namespace evenkeel::pool
