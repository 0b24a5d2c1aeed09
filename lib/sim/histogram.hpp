// Latencies, counted: as exact as 1 %, from a microsecond to a quarter of an hour.
#pragma once

#include <algorithm>
#include <boost/histogram/axis/regular.hpp>
#include <boost/histogram/histogram.hpp>
#include <boost/histogram/make_histogram.hpp>
#include <boost/histogram/storage_adaptor.hpp>
#include <cstdint>

#include "sim/sim_time.hpp"

namespace evenkeel::sim {

class Histogram {
 public:
  void add(Nanos latency) {
    const double ms = std::chrono::duration<double, std::milli>(latency).count();
    counted_(ms);
    sum_ += ms;
    largest_ = std::max(largest_, ms);
    ++count_;
  }
  void clear() {
    counted_.reset();
    *this = Histogram(std::move(counted_));
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // In milliseconds; 0 when nothing was counted.
  [[nodiscard]] double mean() const noexcept { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  [[nodiscard]] double max() const noexcept { return largest_; }
  [[nodiscard]] double quantile(double share) const {
    if (share >= 1 || count_ == 0) return largest_;
    const double wanted = share * static_cast<double>(count_);
    const auto& axis = counted_.axis();
    double seen = 0;
    // The first is all that is below, the last what is above.
    for (int i = -1; i <= axis.size(); ++i) {
      seen += static_cast<double>(counted_.at(i));
      if (seen >= wanted && seen > 0) return std::min(axis.value(i + 1), largest_);
    }
    return largest_;
  }

 private:
  static constexpr unsigned bins = 2'072;  // ln(10^9) / ln(1.01)
  static constexpr double least = 1e-3;
  static constexpr double most = 1e6;
  using Axis = boost::histogram::axis::regular<double, boost::histogram::axis::transform::log>;
  using Counted =
      boost::histogram::histogram<std::tuple<Axis>, boost::histogram::dense_storage<std::uint64_t>>;

 public:
  Histogram() : Histogram(Counted(Axis(bins, least, most))) {}

 private:
  explicit Histogram(Counted counted) : counted_(std::move(counted)) {}

  Counted counted_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  double largest_ = 0;
};

}  // namespace evenkeel::sim
