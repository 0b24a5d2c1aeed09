// The inside of HealthMonitor: the state machines of lib/health, driven by one uv_timer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/health_monitor.hpp"

#include "base/random.hpp"
#include "health/check_schedule.hpp"
#include "health/check_state.hpp"
#include "health/ejection.hpp"
#include "net/tls_client.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel {
namespace proxy {

// What remains of a monitor between close() and the last callback of libuv.
struct Closing {
  std::vector<std::unique_ptr<HealthCheck>> graves;
  std::vector<std::function<void()>> told;
  bool over = false;
};

}  // namespace proxy

// Thread rule: the pool's thread. Members are added and dropped only in turn(), which the timer
// calls: never while a check or a listener of ours is on the stack.
struct HealthMonitor::Impl {
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

  Impl(uv_loop_s* on_loop, TargetPool& of_pool, HealthOptions health_options, OutlierOptions outlier_options,
       const Clock& a_clock, LogSink& a_log, std::uint64_t seed, HealthCheckMaker a_maker);
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  HealthCheckMaker built_in_check();
  Result<void> start();
  void stop();
  void close(std::function<void()> closed);

  void turn();
  void arm();
  void measure_lag(TimePoint now);

  void sync();
  void join(const TargetStatus& status);
  void leave(TargetKey key);
  void set_checked(TargetKey key, Member& member, bool checked);

  void start_due_checks();
  void end_late_checks();
  void finish(TargetKey key, std::uint64_t serial, std::optional<std::string> failure, bool in_time);

  void find_suspects();
  void end_ejections();
  [[nodiscard]] health::PoolShare share() const;

  [[nodiscard]] Health health_of(TargetKey key, const Member& member) const;
  void change(TargetKey key, Member& member, std::string_view reason);
  void tell_first_round();

  uv_loop_t* loop;
  TargetPool& pool;
  const HealthOptions options;
  const OutlierOptions outlier;
  const Clock& clock;
  LogSink& log;
  net::TlsConnector tls_connector{options.tls};
  HealthCheckMaker make_check;  // empty: nothing is checked
  base::Random random;
  health::CheckSchedule schedule;
  health::Ejections ejections;

  std::map<TargetKey, Member> members;
  std::map<TargetKey, Running> running;
  std::vector<std::unique_ptr<HealthCheck>> graves;  // checks that ended, perhaps still on the stack
  std::uint64_t next_serial = 0;

  net::UvHandle<uv_timer_t> timer;
  net::UvHandle<uv_async_t> async;
  std::shared_ptr<proxy::Closing> closing;
  std::uint64_t subscription = 0;
  bool started = false;
  bool pool_changed = false;

  std::optional<TimePoint> armed_for;
  std::chrono::nanoseconds lag{0};  // all lateness of this monitor's life
  TimePoint next_tick;

  std::set<TargetKey> first_round;  // those still without a verdict
  std::vector<std::function<void(const HealthEvent&)>> on_change;
  std::vector<std::function<void()>> on_first_round;
};

}  // namespace evenkeel
