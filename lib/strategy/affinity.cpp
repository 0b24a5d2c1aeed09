#include <string>

#include "evenkeel/strategy.hpp"

#include "base/hash.hpp"

namespace evenkeel {

std::uint64_t affinity_of(std::span<const std::uint8_t> client_key) noexcept {
  // Never to change: proxies of different versions stand side by side.
  constexpr std::uint64_t seed = 0x243f6a8885a308d3ULL;  // the fraction of pi
  return base::hash_bytes(client_key, seed);
}

std::uint64_t target_token(const Target& target) {
  const std::string id = target.id();
  const std::uint64_t hash = affinity_of({reinterpret_cast<const std::uint8_t*>(id.data()), id.size()});
  return hash == 0 ? 1 : hash;
}

}  // namespace evenkeel
