// Where each loop begins, so that loops that start together do not all pick the same target first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "evenkeel/strategy.hpp"

#include "base/random.hpp"

namespace evenkeel::strategy {

// A place in [0, length) for each loop, loop 0 at 0: multiples of about length / golden ratio, which
// keep far apart for any number of loops (Knuth, TAOCP 3, 6.4, theorem S). The stride has no factor
// in common with the length, so no two loops share a place before all are taken.
inline std::uint64_t staggered_start(unsigned loop_index, std::uint64_t length) noexcept {
  constexpr double golden = 0.6180339887498949;
  auto stride = std::max<std::uint64_t>(1, std::llround(golden * static_cast<double>(length)));
  while (std::gcd(stride, length) != 1) ++stride;
  return loop_index * stride % length;
}

// A stream of its own for each loop of one seed.
inline base::Random loop_random(const StrategyArgs& args) noexcept {
  return base::Random(base::Random(args.seed).next() + args.loop_index);
}

}  // namespace evenkeel::strategy
