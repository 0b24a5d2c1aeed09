// Seeded random numbers: fast, small, repeatable; not for secrets.
#pragma once

#include <cstdint>

#include "base/hash.hpp"

namespace evenkeel::base {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15ULL); }

  // Uniform in [0, bound), bound > 0, by multiplication instead of the slow and biased modulo
  // (Lemire 2019; the bias left is below bound / 2^32).
  std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

  // Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace evenkeel::base
