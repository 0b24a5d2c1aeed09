#include "load/latency.hpp"

#include <algorithm>
#include <cmath>

namespace evenkeel::bench {

double Latencies::percentile_us(double share) {
  if (samples_ns_.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples_ns_.size())));
  const auto nth = samples_ns_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::ranges::nth_element(samples_ns_, nth);
  return static_cast<double>(*nth) / 1e3;
}

}  // namespace evenkeel::bench
