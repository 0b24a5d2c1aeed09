// Latencies, counted: as exact as 1 %, from a microsecond to a quarter of an hour.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/sim_time.hpp"

namespace evenkeel::sim {

class Histogram {
 public:
  Histogram();
  ~Histogram();
  Histogram(Histogram&&) noexcept;
  Histogram& operator=(Histogram&&) noexcept;

  void add(Nanos latency);
  void clear();

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // In milliseconds; 0 when nothing was counted.
  [[nodiscard]] double mean() const noexcept { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  [[nodiscard]] double max() const noexcept { return largest_; }
  [[nodiscard]] double quantile(double share) const;

 private:
  struct Counted;
  std::unique_ptr<Counted> counted_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  double largest_ = 0;
};

}  // namespace evenkeel::sim
