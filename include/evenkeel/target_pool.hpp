// The set of targets that one port balances over.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/clock.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/target.hpp"

namespace evenkeel {

struct PoolSnapshot;

struct PoolOptions {
  // When fewer than this percentage of a tier's enabled targets are up, health is ignored and all
  // of them are used, unless a later tier has enough that are up. 0 turns it off (the default: in a
  // pool of three, sending work to two dead targets is worse than leaning on the third).
  unsigned panic_percent = 0;

  // How long a target that joins or recovers takes to reach its full weight; zero turns it off.
  // Never applied to the targets a pool starts with.
  std::chrono::milliseconds slow_start{0};
  friend bool operator==(const PoolOptions&, const PoolOptions&) = default;
};

// What a pool knows of one target; a copy, for status pages and tests.
struct TargetStatus {
  TargetKey key = 0;
  Target target;
  Health health = Health::unknown;
  TimePoint health_since;
  std::uint32_t in_flight = 0;
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::uint64_t bytes = 0;
};

// Thread rule: made, changed and destroyed on one thread (the control loop's). Only version() and
// snapshot() may be called from others; that is how a Balancer on a worker loop follows it. Every
// change publishes one new immutable snapshot: O(number of targets).
//
// Lifetime: must outlive the HealthMonitor and the proxies that use it. A Balancer keeps what it
// needs alive by itself.
class EVENKEEL_API TargetPool {
 public:
  // `clock` must outlive the pool.
  TargetPool(PoolOptions options, const Clock& clock);
  ~TargetPool();
  TargetPool(const TargetPool&) = delete;
  TargetPool& operator=(const TargetPool&) = delete;

  // Adds one target. `health` is what is known of it: `unknown` when checks will tell, `up` when
  // nobody checks. duplicate_target when its id is there already.
  Result<TargetKey> add(const Target& target, Health health = Health::unknown);
  // No new work from now on; leases that are out stay valid. unknown_target when it is not there.
  Result<void> remove(std::string_view id);
  Result<void> set_weight(std::string_view id, std::uint32_t weight);
  Result<void> set_admin(std::string_view id, AdminState state);
  Result<void> set_health(TargetKey key, Health health);

  // Makes the pool hold exactly `targets`, in that order, and publishes once. Targets that stay (by
  // id) keep their key, counters, health and connections. duplicate_target when two share an id;
  // then nothing was changed.
  Result<void> replace_all(std::span<const Target> targets, Health health_of_new = Health::unknown);

  // Publishes when that changes anything. Slow starts that are under way go by the new window.
  void set_options(PoolOptions options);

  // Moves slow starts on. Call it about once a second (a HealthMonitor does); publishes only while a
  // target is warming up. O(1) otherwise.
  void tick();

  [[nodiscard]] std::vector<TargetStatus> status() const;
  [[nodiscard]] std::optional<TargetStatus> find(TargetKey key) const;
  [[nodiscard]] std::size_t size() const noexcept;

  // Consecutive failures after which `on_suspect` is told of a target; 0 turns it off. The callback
  // may come from any thread, at any failure from the threshold on: it must only wake its loop. Once
  // the next call has returned, the callback of this one does not run any more.
  void watch_failures(std::uint32_t threshold, std::function<void()> on_suspect);

  // Starts a target's count of consecutive failures anew, for one that is to be trusted again: else
  // its next failure would be one too many. Nothing to do when it is not there. Publishes nothing.
  void reset_failures(TargetKey key) noexcept;

  // Called on the pool's thread after each publication. Returns a token for unsubscribe().
  std::uint64_t subscribe(std::function<void()> on_publish);
  void unsubscribe(std::uint64_t token);

  // Any thread. The version grows by one with each publication: O(1), one relaxed-cost load.
  [[nodiscard]] std::uint64_t version() const noexcept;
  // Any thread. O(1), takes a short lock.
  [[nodiscard]] std::shared_ptr<const PoolSnapshot> snapshot() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
