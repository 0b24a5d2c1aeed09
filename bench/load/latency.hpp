// Latencies of one run and their percentiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace evenkeel::bench {

// Keeps every sample: a run has at most a few hundred thousand, so percentiles can be exact, and no
// histogram has to say how exact.
class Latencies {
 public:
  void reserve(std::size_t count) { samples_ns_.reserve(count); }
  void add(std::uint64_t nanoseconds) { samples_ns_.push_back(nanoseconds); }
  [[nodiscard]] std::size_t count() const noexcept { return samples_ns_.size(); }
  // The smallest sample that `share` of all are not above, in microseconds; 0 without samples.
  [[nodiscard]] double percentile_us(double share);

 private:
  std::vector<std::uint64_t> samples_ns_;
};

}  // namespace evenkeel::bench
