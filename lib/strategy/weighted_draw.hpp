// One of the candidates at random, each as often as its weight says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "evenkeel/strategy.hpp"

#include "base/random.hpp"

namespace evenkeel::strategy {

// The alias method (Walker 1977; built in O(n) as by Vose, "A linear algorithm for generating random
// numbers with a given distribution", 1991).
class WeightedDraw {
 public:
  // The span stays valid until the next call. O(n). Throws std::bad_alloc.
  void rebuild(std::span<const Candidate> candidates);

  // O(1).
  std::size_t draw(base::Random& random) const noexcept {
    // One number serves twice: its upper half chooses the column, its lower half the side.
    const std::uint64_t number = random.next();
    const std::size_t index = ((number >> 32) * columns_.size()) >> 32;
    const Column& column = columns_[index];
    return static_cast<std::uint32_t>(number) < column.threshold ? index : column.alias;
  }

  // One that is not excluded, of which the caller knows that there is one: exact by weight among them.
  // O(1), but O(n) when what is excluded holds nearly all the weight.
  std::size_t draw(base::Random& random, const PickContext& context) const noexcept {
    // A redraw keeps the weights exact. It seldom fails twice, unless the excluded targets hold
    // nearly all the weight; then counting is cheaper than luck.
    constexpr int draws = 4;
    for (int i = 0; i < draws; ++i) {
      const std::size_t index = draw(random);
      if (!context.excludes(candidates_[index].key)) return index;
    }
    return draw_by_counting(random, context);
  }

  [[nodiscard]] std::span<const Candidate> candidates() const noexcept { return candidates_; }

 private:
  // A column of the table holds its own target below `threshold` and `alias` above it.
  struct Column {
    std::uint32_t threshold;
    std::uint32_t alias;
  };
  static constexpr std::uint64_t full = std::uint64_t{1} << 32;

  std::size_t draw_by_counting(base::Random& random, const PickContext& context) const noexcept;

  std::span<const Candidate> candidates_;
  std::vector<Column> columns_;
};

}  // namespace evenkeel::strategy
