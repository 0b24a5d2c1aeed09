// What there is to say of a port, as numbers: for the API, the metrics and `evenkeel status`.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/port_metrics.hpp"
#include "evenkeel/target_pool.hpp"

#include "slot_stats.hpp"
#include "target_set.hpp"

namespace evenkeel::cli {

struct HealthChange {
  std::chrono::system_clock::time_point at;
  Health from = Health::unknown;
  Health to = Health::unknown;
  std::string reason;
};
// The newest last; so many are kept.
inline constexpr std::size_t health_history = 16;

struct TargetReport {
  TargetStatus status;
  TargetSource source = TargetSource::spec;
  bool overridden = false;  // by an operator
  WorkTotals work;
  std::deque<HealthChange> history;
};

struct PortReport {
  std::shared_ptr<const PortSpec> spec;
  std::string address;  // where it listens, or is to
  std::string state;    // "open", "opening", "failed", "waiting", "leaving"
  std::string reason;   // why it is waiting or has failed, for a person
  SlotStats stats;
  WorkTotals work;  // all of it, also for targets that are gone
  std::vector<TargetReport> targets;

  [[nodiscard]] bool is_leaving() const { return state == "leaving"; }
};

struct ProcessReport {
  std::chrono::system_clock::time_point started;
  std::vector<std::chrono::nanoseconds> lag;  // of each worker's loop
  std::vector<PortReport> ports;
};

}  // namespace evenkeel::cli
