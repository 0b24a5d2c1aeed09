// What has become of the work of one port, over all loops: counts, bytes and latencies, by target.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "evenkeel/export.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/work_observer.hpp"

namespace evenkeel {

// A sum of observations in buckets, as Prometheus has them: the n-th counts those of at most the n-th of
// latency_bounds(), and not of a smaller one; the last has those above all of them.
struct LatencyHistogram {
  std::vector<std::uint64_t> buckets;
  std::uint64_t count = 0;
  double sum_s = 0;

  // The latency that a share of all (0 to 1) were within, by linear interpolation in its bucket; nullopt when
  // there is none.
  [[nodiscard]] EVENKEEL_API std::optional<std::chrono::duration<double>> quantile(double share) const;
};
// In seconds, rising; from a tenth of a millisecond to a minute.
EVENKEEL_API const std::vector<double>& latency_bounds();

struct WorkTotals {
  // Of requests: by status class, 1 to 5; 0: no status was sent. Of connections and sessions: 0 failed, 2 did
  // not.
  std::uint64_t by_class[6] = {};
  std::uint64_t retries = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  LatencyHistogram latency;

  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : by_class) sum += each;
    return sum;
  }
};

// Any thread. Each loop has an observer of its own, so that none waits for another but while somebody reads.
class EVENKEEL_API PortMetrics {
 public:
  PortMetrics();
  ~PortMetrics();
  PortMetrics(const PortMetrics&) = delete;
  PortMetrics& operator=(const PortMetrics&) = delete;

  // For the proxies of one loop; the same number is the same observer. Throws std::bad_alloc.
  [[nodiscard]] std::shared_ptr<WorkObserver> observer(std::size_t loop);

  // By target; 0 is work for which none was found. What is known of targets other than `kept` (sorted) is
  // forgotten, but for its part in total(): to be called now and then, where targets come and go. O(loops *
  // targets).
  void forget_all_but(const std::vector<TargetKey>& kept);
  [[nodiscard]] std::map<TargetKey, WorkTotals> by_target(const std::vector<TargetKey>& kept);
  [[nodiscard]] WorkTotals total() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
