// What happens to a fleet, as a script: who serves, what load comes, what goes wrong when, what must hold.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/target.hpp"

namespace evenkeel {

// How long a target works on one request.
struct ServiceTime {
  enum class Kind : std::uint8_t { constant, exponential, lognormal, pareto, recorded };
  Kind kind = Kind::constant;
  std::chrono::nanoseconds scale{10'000'000};           // the time; the mean; the median; the least
  double shape = 0;                                     // sigma of lognormal, alpha of pareto
  std::string file = {};                                // of recorded: one time a line, in milliseconds
  std::vector<std::chrono::nanoseconds> recorded = {};  // what it says; parse_scenario() touches no file
  friend bool operator==(const ServiceTime&, const ServiceTime&) = default;
};

// A target, and what it can do.
struct SimTarget {
  std::string name;   // "web-0"
  std::string group;  // "web"
  Target target;
  ServiceTime service;
  std::uint32_t concurrency = 16;  // requests that it works on at once
  std::uint32_t queue = 1'024;     // that wait for that; one more is answered 503
  bool is_there = true;            // from the start; others are added by an event
};

// Per second at a moment of the scenario; linear between two of them.
struct LoadPoint {
  std::chrono::milliseconds at{0};
  double rate = 0;
};

struct SimLoad {
  // Open: requests come whatever becomes of those before, so a slow fleet cannot slow its own load down.
  std::vector<LoadPoint> rate;
  bool is_even = false;  // at equal distances instead of at random (Poisson)
  // Closed: so many clients wait for their answer, think, and ask again. Where `rate` is empty.
  std::uint32_t clients = 0;
  std::chrono::milliseconds think{0};
  // Whom requests come from, for strategies and cookies that keep a client on its target.
  std::uint32_t keys = 1'000;
  double key_skew = 0;  // exponent of Zipf's law; 0: all alike
};

enum class SimAction : std::uint8_t {
  kill,         // connections are refused, and what is under way is reset
  start,        // well again, whatever was wrong
  hang,         // takes requests, and answers none
  slow,         // takes `amount` times as long
  fail,         // answers this share of requests 500
  reset,        // resets this share of requests
  fail_checks,  // but serves
  add,          // to the pool
  remove,       // from it
  drain,
  enable,
  weight,
  reload,  // another strategy or other options
};
EVENKEEL_API std::string_view to_string(SimAction action) noexcept;

struct SimEvent {
  std::chrono::milliseconds at{0};
  SimAction action = SimAction::kill;
  std::vector<std::size_t> targets;  // indices
  double amount = 0;
  std::optional<PortSpec> port;  // of a reload
  bool names_strategy = false;   // which does so
  std::string text;              // for a person: "kill web-1"
};

enum class Metric : std::uint8_t {
  latency,       // a quantile
  latency_mean,  // milliseconds, as all latencies
  latency_max,
  requests,
  errors,
  error_share,  // of requests, as all shares: 0 to 1
  retries,
  retry_share,
  share,          // of a target or a group in the requests that were answered
  in_flight_max,  // of a target, or of any
  moved,          // clients that are on another target at the end than before
  ejections,
};

struct Quantity {
  Metric metric = Metric::latency;
  double quantile = 0;      // of a latency; 1 is the largest
  std::string target = {};  // a target's name or a group's
  std::string strategy = {};
  friend bool operator==(const Quantity&, const Quantity&) = default;
};

enum class Relation : std::uint8_t { less, at_most, more, at_least, equal };

// "p99 < 80ms between 10s and 60s". What names no strategy is expected of each.
struct Expectation {
  std::string text;
  Quantity left;
  Relation relation = Relation::less;
  double value = 0;  // milliseconds, a share, a number; or times `right`
  std::optional<Quantity> right = {};
  std::chrono::milliseconds from{0};
  std::chrono::milliseconds to{0};
};

struct Scenario {
  std::string name;
  std::string about;
  std::uint64_t seed = 1;
  std::chrono::milliseconds duration{60'000};
  std::chrono::milliseconds warmup{0};  // what is measured begins behind it
  unsigned workers = 1;                 // loops, each with a balancer of its own
  PortSpec port;                        // with all targets
  std::vector<std::string> strategies;  // a run each; at least one
  std::vector<SimTarget> targets;
  SimLoad load;
  std::vector<SimEvent> events;  // in order of time
  std::vector<Expectation> expectations;
};

// Reads, validates and fills in defaults; reports every mistake it can find, as parse_config() does. Pure.
EVENKEEL_API std::expected<Scenario, std::vector<SpecError>> parse_scenario(std::string_view text);

}  // namespace evenkeel
