// Smooth weighted round robin with a pick that does not depend on the number of targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "evenkeel/strategy.hpp"

namespace evenkeel::strategy {

// The algorithm is nginx's: each target's credit grows by its weight, the largest credit is picked
// (the first of equals), and pays the total weight. As written that is O(targets) a pick.
//
// Targets of one weight form a class. Their credits grow in step and each in turn pays the same, so
// within a class the order is a plain rotation and the distances between neighbours never change.
// Only the credits of the class heads need comparing: O(different weights) a pick, the exact sequence
// of nginx, and no table to precompute. With equal weights it is a rotation, O(1).
//
// Credits are integers; one pick is worth the total. Their sum stays zero.
class SmoothSchedule {
 public:
  // Above this many different weights a heap is faster; see DeadlineSchedule.
  static constexpr std::size_t max_classes = 32;
  [[nodiscard]] static bool fits(std::span<const Candidate> candidates);

  // O(n log n). `credits` are in picks, one a candidate, their sum zero: how much each is owed.
  void reset(std::span<const Candidate> candidates, std::span<const double> credits);
  // What each is owed now, in the order of the last reset().
  void credits(std::span<double> out) const;

  // The index of the next candidate. O(classes), and with exclusions O(classes * excluded).
  // At least one candidate must not be excluded.
  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept;

 private:
  // A place in a class's rotation: who holds it, and how far ahead of the next place it is. The gaps
  // of a class add up to the total.
  struct Slot {
    std::int64_t gap;
    std::uint32_t index;
    TargetKey key;
  };
  struct Class {
    std::int64_t credit;  // of the slot at the cursor, the largest of the class
    std::int64_t weight;  // of each member
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t cursor;
  };

  void add_class(std::span<const std::uint32_t> members, std::span<const Candidate> candidates,
                 std::span<const std::int64_t> credits);
  [[nodiscard]] std::uint32_t next(const Class& c, std::uint32_t slot) const noexcept {
    return slot + 1 == c.end ? c.begin : slot + 1;
  }
  [[nodiscard]] bool first_of_equals(const Class& a, const Class& b) const noexcept {
    return slots_[a.cursor].index < slots_[b.cursor].index;
  }
  [[nodiscard]] bool bring_allowed_forward(Class& c, const PickContext& context) noexcept;
  std::size_t take(Class& c) noexcept;
  std::size_t pick_excluding(const PickContext& context) noexcept;

  std::vector<Class> classes_;
  std::vector<Slot> slots_;  // class by class
  std::int64_t scale_ = 1;   // what a weight is multiplied by, so that a credit has a fine unit
  std::int64_t total_ = 0;
};

}  // namespace evenkeel::strategy
