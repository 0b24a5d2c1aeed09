// A balancing strategy: given the targets that may be used now, which one is next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "evenkeel/clock.hpp"
#include "evenkeel/counters.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/target.hpp"

namespace evenkeel {

// Names a target within its pool for as long as the pool lives; never used twice, not even for a
// target that is removed and added again.
using TargetKey = std::uint32_t;

// One target that may be used, as a strategy sees it.
struct Candidate {
  TargetKey key = 0;
  std::uint32_t weight = 1;  // effective (slow start applied), at least 1; comparable only within one list
  const Target* target = nullptr;
  const TargetCounters* counters = nullptr;
};

// What is known about the work that needs a target.
struct PickContext {
  std::span<const TargetKey> exclude{};  // tried already for this work
  // Who the work is for: affinity_of() the client's key. Equal values go to the same target under
  // "hash"; the other strategies do not look at it.
  std::uint64_t affinity = 0;
  // target_token() of the target that the work is to go to if that may be used, whatever the strategy; 0:
  // none.
  std::uint64_t prefer = 0;
  std::uint32_t max_in_flight = 0;  // leases a target may have in the whole process; 0: no limit
  // When the pick is made. The balancer fills it in for strategies that look at latencies.
  TimePoint now{};

  [[nodiscard]] bool excludes(TargetKey key) const noexcept {
    return std::ranges::find(exclude, key) != exclude.end();
  }
};

// Implement this to add a strategy of your own; lib/ needs no change (examples/custom_strategy.cpp).
//
// Thread rule: one Strategy belongs to one Balancer and is only used on that balancer's loop.
class EVENKEEL_API Strategy {
 public:
  virtual ~Strategy() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // Whether pick() looks at TargetCounters::latency_us(), which leases then keep, and PickContext::now. Both
  // cost a look at the balancer's clock. The same answer always.
  [[nodiscard]] virtual bool looks_at_latency() const noexcept { return false; }

  // Comes before each rebuild(): all targets that would be usable if they were healthy, with their
  // configured weight (slow start left out), of the tier in use, in the order of the spec. Each
  // candidate of that rebuild() is among them. Lifetime of the span and exceptions as in rebuild().
  // For strategies that must tell a target that is down from one that is gone; the others need not
  // implement it.
  virtual void know(std::span<const Candidate> /*members*/) {}

  // The usable targets changed. They are in the order of the spec, at least two. The span, and what
  // it points to, stay valid until the next call. May allocate, and throw std::bad_alloc: it is then
  // called again before the next pick() (with know() before it). Keep per-target state by
  // Candidate::key, so that a change of one target does not restart the others.
  virtual void rebuild(std::span<const Candidate> candidates) = 0;

  // An index into the last span. Must not throw, block or allocate. Honour context.exclude: the
  // caller guarantees that at least one candidate is not excluded. An index that is out of range
  // or excluded is replaced by the next allowed candidate.
  [[nodiscard]] virtual std::size_t pick(const PickContext& context) noexcept = 0;
};

// What a strategy is made with. Two loops with the same seed and different indices start at
// different places, so that their first picks do not fall on the same target.
struct StrategyArgs {
  std::uint64_t seed = 0;
  unsigned loop_index = 0;
  // For "hash": no target gets more than this many percent of its share of what is in flight, 101 or more;
  // what is over goes where it would if the target were down. 0: no bound.
  std::uint32_t hash_balance_factor = 0;
};

using StrategyMaker = std::function<std::unique_ptr<Strategy>(const StrategyArgs&)>;

// The built-in strategies: "roundrobin", "leastconn", "first", "random", "p2c", "ewma",
// "hotcold", "hash" (docs/strategies.md). unknown_strategy for any other name.
EVENKEEL_API Result<StrategyMaker> find_strategy(std::string_view name);
EVENKEEL_API std::span<const std::string_view> strategy_names() noexcept;

// A PickContext::affinity from whatever names a client: an address, a user, a cookie. The same bytes
// give the same number on every machine and in every version, so that independent processes agree;
// hence no secret is in it, and a client that chooses its own key chooses its target. Every bit of the
// key moves about half of the result's. O(length), no allocation.
EVENKEEL_API std::uint64_t affinity_of(std::span<const std::uint8_t> client_key) noexcept;

// Names a target for PickContext::prefer: the same in every process and version. Never 0. O(length of its
// id).
EVENKEEL_API std::uint64_t target_token(const Target& target);

}  // namespace evenkeel
