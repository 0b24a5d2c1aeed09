// Who owns which slot: the table of Maglev's consistent hashing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace evenkeel::strategy {

// Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016), section
// 3.4. Each target has a permutation of the slots, from its name alone, and takes the next free one of
// it in its turn. So all targets own as much as their weights say, to one slot; and when a target comes
// or goes, most slots stay with their owner.
//
// The paper leaves weights open. Here the quotas are computed first, exactly, and a turn hands out as
// many slots as there are targets, to each its share of them: no weights make the build slow, and with
// equal ones it is the paper's algorithm.
class MaglevTable {
 public:
  static constexpr std::uint32_t size = 65'537;         // a prime, so that every step visits all slots
  static constexpr std::size_t max_targets = size - 2;  // what 16 bits can number beside `nobody`

  struct Target {
    std::string_view name;
    std::uint32_t weight = 1;  // at least 1
  };

  // Depends on the names and weights alone, not on their order. Names must differ. Everybody owns at
  // least one slot; only those behind the first max_targets own none.
  // Expected O(size * log(size)) probes, whatever the weights. Strong guarantee.
  void build(std::span<const Target> targets);

  // An index into the last build()'s targets, which were not empty. Precondition: slot < size.
  [[nodiscard]] std::size_t owner(std::uint32_t slot) const noexcept { return owners_[slot]; }

 private:
  std::vector<std::uint16_t> owners_;
};

}  // namespace evenkeel::strategy
