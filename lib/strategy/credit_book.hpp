// What a rotation owes each target, carried over when the set of targets or a weight changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evenkeel/strategy.hpp"

namespace evenkeel::strategy {

// A rotation that starts afresh at each change is uneven when changes come more often than cycles:
// the first of the list gets the first pick each time. So each target keeps, by key, its credit: the
// picks it is owed (negative: it is ahead).
//
// Credits add up to zero. When a target leaves with some, the others settle it by moving all of them
// forward or back in virtual time: in proportion to the weights, which leaves picks / weight of any
// two of them as even as it was. (Handing each an equal part would bend the proportions a little at
// each change.) Hence for the targets that stay, whatever the others do:
//   picks_i = weight_i * (common virtual time) - credit_i
// so they are as even as their credits are small, and no number of changes adds up to anything.
// Equal weights stay within one pick of each other. For unequal ones the largest credit is served
// first, which is the greedy player of the cup game (Dietz & Sleator 1987): O(log n) for a fixed set.
// With changes at every few picks the worst of 3,000 random pools was 3.2 picks off, most stay below
// 2, and 2 million picks were no worse than 20,000 (tests/strategy/roundrobin_flapping_test.cpp).
//
// A target that comes back is not owed what it missed, but what it was ahead still counts: or one
// that flaps would be picked first at each return.
class CreditBook {
 public:
  // Same targets, same weights, same order as last time.
  [[nodiscard]] bool same(std::span<const Candidate> candidates) const noexcept;

  // The list changes to `candidates` after `picks` more picks; `credits` are those of the old list,
  // and are replaced by those to start the new one with. O(n log n).
  void carry_over(std::span<const Candidate> candidates, std::uint64_t picks, std::vector<double>& credits);

 private:
  struct Present {
    TargetKey key;
    std::uint32_t weight;  // as given: comparable within one list only
  };
  struct Departed {
    TargetKey key;
    double weight;   // in units of this book
    double credit;   // negative
    double left_at;  // virtual time
    [[nodiscard]] double credit_at(double time) const noexcept { return credit + weight * (time - left_at); }
  };

  void level(std::span<const Candidate> candidates, std::span<const std::uint32_t> members,
             std::vector<double>& credits);
  double credit_of_joining(TargetKey key) noexcept;

  std::vector<Present> present_;
  std::vector<Departed> departed_;  // only those that are still ahead: a few
  double time_ = 0;                 // virtual: grows by 1 / (total weight) a pick
  // What the weights of the current list are divided by, so that the targets that stay weigh the same
  // in total as in the list before. Slow start publishes lists with all weights scaled up.
  double unit_ = 1;
};

}  // namespace evenkeel::strategy
