// Random times and clients of a scenario.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "evenkeel/scenario.hpp"

#include "base/random.hpp"
#include "sim/sim_time.hpp"

namespace evenkeel::sim {

// Mean 1.
double draw_exponential(base::Random& random) noexcept;

Nanos draw(const ServiceTime& time, base::Random& random) noexcept;

// Who asks: indices, the first the most often where the load is skewed.
class Clients {
 public:
  Clients(std::uint32_t count, double skew);
  [[nodiscard]] std::size_t size() const noexcept { return affinities_.size(); }
  [[nodiscard]] std::uint32_t draw(base::Random& random) const noexcept;
  [[nodiscard]] std::uint64_t affinity(std::uint32_t client) const noexcept { return affinities_[client]; }

 private:
  std::vector<std::uint64_t> affinities_;
  std::vector<double> cumulative_;  // empty: all alike
};

// When requests of an open load come, one after the other.
class Arrivals {
 public:
  explicit Arrivals(const SimLoad& load) : load_(load) {}
  // The next one behind `now`; Nanos::max(): none comes any more.
  Nanos next(Nanos now, base::Random& random) noexcept;

 private:
  const SimLoad& load_;
  std::size_t part_ = 0;  // of the profile, in which `now` was
};

}  // namespace evenkeel::sim
