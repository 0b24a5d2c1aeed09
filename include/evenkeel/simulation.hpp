// A scenario on virtual time: the same pools, strategies, health and retry budgets as in the proxies, over
// targets that are made of numbers.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evenkeel/export.hpp"
#include "evenkeel/scenario.hpp"
#include "evenkeel/strategy.hpp"

namespace evenkeel {

// What was counted in a part of a run. Latencies are those of clients, retries included, in milliseconds, as
// exact as 1 %. A request belongs to when it came.
struct SimTally {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // that a client saw
  std::uint64_t retries = 0;
  std::uint64_t ejections = 0;
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
  double moved = 0;                           // share of the clients that were seen before and in it
  std::vector<std::uint64_t> served = {};     // by target: requests that it answered
  std::vector<std::uint32_t> in_flight = {};  // by target: the most at once
};

// One point of the plots: `served`, `in_flight` and `usable` are of what series_of() names.
struct SimMoment {
  std::chrono::milliseconds at{0};  // its end
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::uint64_t retries = 0;
  double p50 = 0;
  double p99 = 0;
  std::vector<std::uint64_t> served = {};
  std::vector<std::uint32_t> in_flight = {};
  std::vector<std::uint32_t> usable = {};  // targets that are up and enabled
};

struct SimHealthChange {
  std::chrono::milliseconds at{0};
  std::size_t target = 0;
  Health from = Health::unknown;
  Health to = Health::unknown;
  std::string reason;
};

// Of an expectation that is about a quantile: in milliseconds.
struct SimQuantiles {
  double left = 0;
  double right = 0;
};

struct SimRun {
  std::string strategy;
  SimTally total;                       // behind the warm-up
  std::vector<SimTally> expectations;   // of the time of each
  std::vector<SimQuantiles> quantiles;  // of each expectation
  std::vector<SimMoment> moments;
  std::vector<SimHealthChange> health;  // the first most_changes of them
  std::chrono::nanoseconds late{0};     // live: by how much a request was sent too late, at most
  std::uint64_t unsent = 0;             // live: requests that were due, and not sent by the end
};

// Deterministic: the same scenario and seed give the same numbers on the same machine. Takes some 0.5 us a
// request. Throws std::bad_alloc. Precondition: the scenario is one that parse_scenario() has given, with the
// recorded service times filled in.
EVENKEEL_API SimRun simulate(const Scenario& scenario, const std::string& strategy);

struct SimVerdict {
  std::size_t expectation = 0;
  std::string strategy;
  double value = 0;
  double limit = 0;
  bool holds = false;
  bool is_of_nothing = false;  // there was no request, or no answer, to say it of: it does not hold
};
// Of each expectation for each run that it is about.
EVENKEEL_API std::vector<SimVerdict> judge(const Scenario& scenario, std::span<const SimRun> runs);

// What SimMoment tells apart: targets where there are few of them, else groups.
EVENKEEL_API std::vector<std::string> series_of(const Scenario& scenario);
// The names of the groups, in the order of their first targets.
EVENKEEL_API std::vector<std::string> groups_of(const Scenario& scenario);

}  // namespace evenkeel
