// Hashing that gives the same number on every machine, in every process and version; not for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace evenkeel::base {

// The finalizer of SplitMix64: one to one, each bit of the input moves half of the output's.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

// Eight bytes a step, little-endian on every machine. The length goes in first: the zeros that fill
// the last step must not make "a" and "a\0" the same.
constexpr std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes, std::uint64_t seed) noexcept {
  std::uint64_t hash = mix(seed + bytes.size());
  while (!bytes.empty()) {
    const std::size_t step = bytes.size() < 8 ? bytes.size() : 8;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < step; ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
    hash = mix(hash ^ word);
    bytes = bytes.subspan(step);
  }
  return hash;
}

}  // namespace evenkeel::base
