// Weighted random in O(1): the alias method (Walker 1977; built in O(n) as by Vose, "A linear
// algorithm for generating random numbers with a given distribution", 1991).
#include "base/random.hpp"

#include <numeric>
#include <vector>

#include "strategy/stagger.hpp"
#include "strategy/strategies.hpp"

namespace evenkeel::strategy {
namespace {

class WeightedRandom final : public Strategy {
 public:
  explicit WeightedRandom(const StrategyArgs& args) noexcept : random_(loop_random(args)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "random"; }

  void rebuild(std::span<const Candidate> candidates) override;

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    // A redraw keeps the weights exact. It seldom fails twice, unless the excluded targets hold
    // nearly all the weight; then counting is cheaper than luck.
    constexpr int draws = 4;
    for (int i = 0; i < draws; ++i) {
      const std::size_t index = draw();
      if (!context.excludes(candidates_[index].key)) return index;
    }
    return pick_by_counting(context);
  }

 private:
  // A column of the table holds its own target below `threshold` and `alias` above it.
  struct Column {
    std::uint32_t threshold;
    std::uint32_t alias;
  };
  static constexpr std::uint64_t full = std::uint64_t{1} << 32;

  // One number serves twice: its upper half chooses the column, its lower half the side.
  std::size_t draw() noexcept {
    const std::uint64_t number = random_.next();
    const std::size_t index = ((number >> 32) * columns_.size()) >> 32;
    const Column& column = columns_[index];
    return static_cast<std::uint32_t>(number) < column.threshold ? index : column.alias;
  }

  std::size_t pick_by_counting(const PickContext& context) noexcept;

  std::span<const Candidate> candidates_;
  std::vector<Column> columns_;
  base::Random random_;
};

void WeightedRandom::rebuild(std::span<const Candidate> candidates) {
  candidates_ = candidates;
  const std::size_t count = candidates.size();
  const double total = std::accumulate(candidates.begin(), candidates.end(), 0.0,
                                       [](double sum, const Candidate& c) { return sum + c.weight; });
  // Each target's share of the columns: 1 is the average.
  std::vector<double> share(count);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < count; ++i) {
    share[i] = candidates[i].weight * static_cast<double>(count) / total;
    (share[i] < 1.0 ? small : large).push_back(i);
  }

  // Whoever is left over when one list runs dry has a share of 1 up to rounding: a column for itself,
  // which is what every column is set to here. (2^32 - 1 of 2^32 is made whole by alias = itself.)
  columns_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) columns_[i] = {static_cast<std::uint32_t>(full - 1), i};
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    columns_[poor] = {static_cast<std::uint32_t>(share[poor] * static_cast<double>(full)), rich};
    share[rich] -= 1.0 - share[poor];
    if (share[rich] < 1.0) {
      large.pop_back();
      small.push_back(rich);
    }
  }
}

// O(targets), exact by weight over what is not excluded.
std::size_t WeightedRandom::pick_by_counting(const PickContext& context) noexcept {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates_) {
    if (!context.excludes(candidate.key)) total += candidate.weight;
  }
  auto left = static_cast<std::uint64_t>(random_.unit() * static_cast<double>(total));
  std::size_t last = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (context.excludes(candidates_[i].key)) continue;
    last = i;
    if (left < candidates_[i].weight) break;
    left -= candidates_[i].weight;
  }
  return last;
}

}  // namespace

std::unique_ptr<Strategy> make_random(const StrategyArgs& args) {
  return std::make_unique<WeightedRandom>(args);
}

}  // namespace evenkeel::strategy
