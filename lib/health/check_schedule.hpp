// Which target is checked next, and when.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "evenkeel/clock.hpp"
#include "evenkeel/strategy.hpp"

#include "base/random.hpp"

namespace evenkeel::health {

struct ScheduleOptions {
  std::chrono::milliseconds interval{5'000};  // from the end of one check to the start of the next
  unsigned jitter_percent = 10;
  unsigned max_concurrent = 16;  // 0 counts as one
};

// First checks are due at once, in the order in which the targets came, as fast as the cap allows;
// later ones wait a random time around the interval, so that neither the checks of many targets nor
// those of many proxies keep in step. A due check that finds the cap reached waits its turn, first
// come, first served.
class CheckSchedule {
 public:
  // First checks that are due together are spread by a few hundred microseconds each, over no more
  // than this in all: connections to one host do not arrive in one burst, and nobody waits for it.
  static constexpr std::chrono::milliseconds first_spread{50};

  // `random` must outlive the schedule.
  CheckSchedule(const ScheduleOptions& options, base::Random& random) noexcept;

  void add(TargetKey key, TimePoint now);
  // Also while its check is under way: the place is free at once.
  void remove(TargetKey key);
  [[nodiscard]] bool contains(TargetKey key) const noexcept { return entries_.contains(key); }

  // When take_due() has something to give; nullopt while nothing waits or the cap is reached.
  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept;
  // Call it until it gives nothing: each key counts as under way until finished() or remove().
  std::optional<TargetKey> take_due(TimePoint now);
  void finished(TargetKey key, TimePoint now);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t under_way() const noexcept { return entries_.size() - waiting_.size(); }

 private:
  // When, and as a tie-breaker the order of asking.
  using Place = std::pair<TimePoint, std::uint64_t>;

  void wait(TargetKey key, TimePoint due);
  [[nodiscard]] std::chrono::nanoseconds draw_wait() noexcept;

  ScheduleOptions options_;
  base::Random& random_;
  std::uint64_t next_order_ = 0;
  TimePoint last_first_due_ = TimePoint::min();
  std::map<TargetKey, std::optional<Place>> entries_;  // no place: its check is under way
  std::set<std::pair<Place, TargetKey>> waiting_;
};

}  // namespace evenkeel::health
