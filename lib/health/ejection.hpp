// Outlier ejection: taking a target out for a while because live traffic fails on it.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "evenkeel/clock.hpp"
#include "evenkeel/health_monitor.hpp"
#include "evenkeel/strategy.hpp"

#include "base/random.hpp"

namespace evenkeel::health {

// What the ejection of one target depends on besides itself.
struct PoolShare {
  std::size_t targets = 0;  // in the pool
  std::size_t usable = 0;   // up or unknown, and enabled; the suspect is one of them
};

// The ejections of one pool. The time out grows with each ejection of the same target and shrinks
// with the time it then stays healthy, so that a target that flaps is tried less and less often
// (Envoy, "outlier detection").
class Ejections {
 public:
  // A step of back-off is forgiven for each of these that the target was healthy.
  static constexpr std::chrono::seconds forgive_after{10};
  // The random part of each ejection, so that targets that failed together do not return together.
  static constexpr unsigned jitter_percent = 10;

  explicit Ejections(const OutlierOptions& options) noexcept : options_(options) {}

  // A target failed `consecutive` times in a row. When that is enough, and the pool can spare it: the
  // time at which it returns. Never ejects the last usable target; at most the configured share of
  // the pool, but one is always allowed, or a pool of three at 30 % could never eject.
  std::optional<TimePoint> suspect(TargetKey key, unsigned consecutive, const PoolShare& share, TimePoint now,
                                   base::Random& random);

  // Ends an ejection early (an active check passed). False when the target was not ejected.
  bool pardon(TargetKey key, TimePoint now);
  // The targets whose time is over, in order of their keys; they count as healthy from now on.
  std::vector<TargetKey> expire(TimePoint now);
  // When expire() has something to do; nullopt: nothing is ejected.
  [[nodiscard]] std::optional<TimePoint> next_expiry() const noexcept;

  [[nodiscard]] bool is_ejected(TargetKey key) const noexcept;
  [[nodiscard]] std::size_t ejected() const noexcept;

  // The target is (not) in good health as far as others can tell: only good time forgives.
  void set_healthy(TargetKey key, bool healthy, TimePoint now);
  void forget(TargetKey key) { records_.erase(key); }

 private:
  // Kept from a target's first ejection until it has earned every step back.
  struct Record {
    unsigned steps = 0;                      // the next ejection lasts base * (steps + 1)
    std::optional<TimePoint> until;          // ejected
    std::optional<TimePoint> healthy_since;  // not ejected and in good health
  };

  static void forgive(Record& record, TimePoint now) noexcept;
  [[nodiscard]] std::chrono::milliseconds duration(unsigned steps, base::Random& random) const noexcept;

  OutlierOptions options_;
  std::map<TargetKey, Record> records_;
};

}  // namespace evenkeel::health
