// Weighted round robin by earliest deadline, for pools with many different weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "evenkeel/strategy.hpp"

namespace evenkeel::strategy {

// Each target is due every 1/weight of virtual time; the one that is due first is picked. As even as
// SmoothSchedule, in O(log n) however the weights differ, but light targets come late in a cycle.
// (EDF as in gRPC proposal A58 and Envoy.)
class DeadlineSchedule {
 public:
  // O(n). `credits` are in picks, one a candidate: how much each is owed.
  void reset(std::span<const Candidate> candidates, std::span<const double> credits);
  // What each is owed now, in the order of the last reset(); the sum is zero.
  void credits(std::span<double> out) const;

  // The index of the next candidate. O(log n); O(n * excluded) when the one that is due is excluded.
  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept;

 private:
  struct Node {
    double deadline;
    double period;  // 1 / weight
    std::uint32_t index;
    TargetKey key;

    [[nodiscard]] bool before(const Node& other) const noexcept {
      return deadline < other.deadline || (deadline == other.deadline && index < other.index);
    }
  };

  void sift_down(std::size_t place) noexcept;
  [[nodiscard]] std::size_t earliest_allowed(const PickContext& context) const noexcept;

  std::vector<Node> heap_;  // binary, the earliest at 0
};

}  // namespace evenkeel::strategy
