#include "evenkeel/port_metrics.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <prometheus/histogram.h>
#include <unordered_map>

namespace evenkeel {
namespace {

constexpr double nanoseconds = 1e-9;

std::size_t class_of(const Work& work) noexcept {
  if (work.status != 0) return static_cast<std::size_t>(std::clamp(work.status / 100, 1, 5));
  return work.error == nullptr ? 2 : 0;
}

// What one loop has seen of one target.
struct Tally {
  Tally() : latency(latency_bounds()) {}

  void add(const Work& work) {
    ++totals.by_class[class_of(work)];
    totals.retries += static_cast<std::uint64_t>(work.retries);
    totals.errors += work.error != nullptr ? 1 : 0;
    totals.bytes_in += work.bytes_in;
    totals.bytes_out += work.bytes_out;
    latency.Observe(static_cast<double>(work.duration_ns) * nanoseconds);
  }

  WorkTotals totals;  // without its latency
  prometheus::Histogram latency;
};

void merge(WorkTotals& into, const WorkTotals& more) {
  for (std::size_t i = 0; i < std::size(into.by_class); ++i) into.by_class[i] += more.by_class[i];
  into.retries += more.retries;
  into.errors += more.errors;
  into.bytes_in += more.bytes_in;
  into.bytes_out += more.bytes_out;
  into.latency.buckets.resize(std::max(into.latency.buckets.size(), more.latency.buckets.size()));
  for (std::size_t i = 0; i < more.latency.buckets.size(); ++i)
    into.latency.buckets[i] += more.latency.buckets[i];
  into.latency.count += more.latency.count;
  into.latency.sum_s += more.latency.sum_s;
}

void merge(WorkTotals& into, const Tally& tally) {
  WorkTotals more = tally.totals;
  const prometheus::ClientMetric::Histogram seen = tally.latency.Collect().histogram;
  std::uint64_t before = 0;
  for (const prometheus::ClientMetric::Bucket& bucket : seen.bucket) {
    more.latency.buckets.push_back(bucket.cumulative_count - before);
    before = bucket.cumulative_count;
  }
  more.latency.count = seen.sample_count;
  more.latency.sum_s = seen.sample_sum;
  merge(into, more);
}

class LoopObserver final : public WorkObserver {
 public:
  void done(const Work& work) noexcept override {
    const std::lock_guard lock(mutex);
    try {
      std::unique_ptr<Tally>& tally = by_target[work.target];
      if (!tally) tally = std::make_unique<Tally>();
      tally->add(work);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
      // One that is not counted is better than one that is not served.
    }
  }

  // Precondition: the mutex is held.
  void forget_all_but(const std::vector<TargetKey>& kept) {
    std::erase_if(by_target, [&](const auto& entry) {
      const auto& [key, tally] = entry;
      if (key == 0 || std::ranges::binary_search(kept, key)) return false;
      merge(gone, *tally);
      return true;
    });
  }

  std::mutex mutex;
  std::unordered_map<TargetKey, std::unique_ptr<Tally>> by_target;
  WorkTotals gone;  // of targets that were forgotten
};

}  // namespace

const std::vector<double>& latency_bounds() {
  static const std::vector<double> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
  return bounds;
}

std::optional<std::chrono::duration<double>> LatencyHistogram::quantile(double share) const {
  if (count == 0) return std::nullopt;
  const std::vector<double>& bounds = latency_bounds();
  const double rank = share * static_cast<double>(count);
  double before = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (before + here < rank || here == 0) {
      before += here;
      continue;
    }
    // Of those above all bounds no more is known.
    if (i >= bounds.size()) break;
    const double low = i == 0 ? 0 : bounds[i - 1];
    return std::chrono::duration<double>(low + (bounds[i] - low) * (rank - before) / here);
  }
  return std::chrono::duration<double>(bounds.back());
}

struct PortMetrics::Impl {
  mutable std::mutex mutex;  // of the list
  std::vector<std::shared_ptr<LoopObserver>> loops;

  [[nodiscard]] std::vector<std::shared_ptr<LoopObserver>> all() const {
    const std::lock_guard lock(mutex);
    return loops;
  }
};

PortMetrics::PortMetrics() : impl_(std::make_unique<Impl>()) {}
PortMetrics::~PortMetrics() = default;

std::shared_ptr<WorkObserver> PortMetrics::observer(std::size_t loop) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->loops.size() <= loop) impl_->loops.resize(loop + 1);
  if (!impl_->loops[loop]) impl_->loops[loop] = std::make_shared<LoopObserver>();
  return impl_->loops[loop];
}

std::map<TargetKey, WorkTotals> PortMetrics::by_target(const std::vector<TargetKey>& kept) {
  std::map<TargetKey, WorkTotals> totals;
  for (const auto& loop : impl_->all()) {
    if (!loop) continue;
    const std::lock_guard lock(loop->mutex);
    loop->forget_all_but(kept);
    for (const auto& [key, tally] : loop->by_target) merge(totals[key], *tally);
  }
  return totals;
}

void PortMetrics::forget_all_but(const std::vector<TargetKey>& kept) {
  for (const auto& loop : impl_->all()) {
    if (!loop) continue;
    const std::lock_guard lock(loop->mutex);
    loop->forget_all_but(kept);
  }
}

WorkTotals PortMetrics::total() const {
  WorkTotals total;
  for (const auto& loop : impl_->all()) {
    if (!loop) continue;
    const std::lock_guard lock(loop->mutex);
    merge(total, loop->gone);
    for (const auto& [key, tally] : loop->by_target) merge(total, *tally);
  }
  return total;
}

}  // namespace evenkeel
