// The target with the least work in flight for its weight, counted over all loops of the process.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "strategy/credit_book.hpp"
#include "strategy/stagger.hpp"
#include "strategy/strategies.hpp"

namespace evenkeel::strategy {
namespace {

// Always taking the first of equals sends a quiet service's work to one target only. So ties are
// broken in turn: by smooth weighted round robin over those that tie, as nginx does; with equal
// weights that is a rotation, which needs no second look at all targets.
class LeastConn final : public Strategy {
 public:
  explicit LeastConn(const StrategyArgs& args) noexcept : loop_index_(args.loop_index) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "leastconn"; }

  void rebuild(std::span<const Candidate> candidates) override;

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    return equal_weights_ ? pick_equal(context) : pick_weighted(context);
  }

 private:
  struct Cell {
    const TargetCounters* counters;
    std::int64_t credit;
    std::uint32_t weight;
    std::uint32_t in_flight;  // as the current pick read it: it changes under our hands
    TargetKey key;
  };

  std::size_t pick_equal(const PickContext& context) noexcept;
  std::size_t pick_weighted(const PickContext& context) noexcept;
  void carry_credits(std::span<const Candidate> candidates);
  void carry_cursor(std::span<const Candidate> candidates);

  unsigned loop_index_;
  bool equal_weights_ = true;
  std::size_t cursor_ = 0;  // equal weights: where the search begins
  std::vector<Cell> cells_;
  CreditBook book_;
  std::vector<double> credits_;
  std::int64_t scale_ = 1;  // of weights in credits, as in SmoothSchedule
  std::int64_t total_ = 0;  // one pick, in credits
};

// The first idle target from the cursor on: usually the first one looked at. O(n) when all are busy.
std::size_t LeastConn::pick_equal(const PickContext& context) noexcept {
  const std::size_t count = cells_.size();
  std::size_t best = count;
  std::uint32_t least = 0;
  std::size_t at = cursor_;
  for (std::size_t seen = 0; seen < count; ++seen, at = at + 1 == count ? 0 : at + 1) {
    const std::uint32_t in_flight = cells_[at].counters->in_flight();
    if ((best != count && in_flight >= least) || context.excludes(cells_[at].key)) continue;
    best = at;
    least = in_flight;
    if (least == 0) break;
  }
  if (best == count) return 0;
  cursor_ = best + 1 == count ? 0 : best + 1;
  return best;
}

// O(n).
std::size_t LeastConn::pick_weighted(const PickContext& context) noexcept {
  // a/b < c/d by products: no division, no rounding, and 64 bits hold them.
  const auto less_loaded = [](const Cell& a, const Cell& b) noexcept {
    return std::uint64_t{a.in_flight} * b.weight < std::uint64_t{b.in_flight} * a.weight;
  };
  const Cell* least = nullptr;
  for (Cell& cell : cells_) {
    cell.in_flight = cell.counters->in_flight();
    if ((least == nullptr || less_loaded(cell, *least)) && !context.excludes(cell.key)) least = &cell;
  }
  if (least == nullptr) return 0;

  Cell* best = nullptr;
  std::int64_t tied = 0;
  for (Cell& cell : cells_) {
    if (less_loaded(*least, cell) || less_loaded(cell, *least) || context.excludes(cell.key)) continue;
    const std::int64_t share = cell.weight * scale_;
    cell.credit += share;
    tied += share;
    if (best == nullptr || cell.credit > best->credit) best = &cell;
  }
  best->credit -= tied;
  return static_cast<std::size_t>(best - cells_.data());
}

void LeastConn::rebuild(std::span<const Candidate> candidates) {
  const bool first_time = cells_.empty();
  carry_cursor(candidates);
  carry_credits(candidates);
  equal_weights_ = std::ranges::all_of(
      candidates, [&](const Candidate& c) { return c.weight == candidates.front().weight; });
  if (!first_time) return;
  cursor_ = staggered_start(loop_index_, candidates.size());
  if (equal_weights_) return;
  constexpr std::size_t longest_walk = 1'000;
  const auto start = staggered_start(loop_index_, std::min(candidates.size(), longest_walk));
  for (std::uint64_t i = 0; i < start; ++i) (void)pick_weighted({});
}

void LeastConn::carry_cursor(std::span<const Candidate> candidates) {
  if (cells_.empty()) return;
  const TargetKey key = cells_[cursor_].key;
  const auto found = std::ranges::find(candidates, key, &Candidate::key);
  cursor_ = found != candidates.end() ? static_cast<std::size_t>(found - candidates.begin())
                                      : std::min(cursor_, candidates.size() - 1);
}

void LeastConn::carry_credits(std::span<const Candidate> candidates) {
  constexpr std::int64_t finest_total = std::int64_t{1} << 40;  // see SmoothSchedule
  credits_.resize(cells_.size());
  std::ranges::transform(cells_, credits_.begin(), [this](const Cell& cell) {
    return static_cast<double>(cell.credit) / static_cast<double>(total_);
  });
  book_.carry_over(candidates, 0, credits_);

  const std::int64_t weights =
      std::accumulate(candidates.begin(), candidates.end(), std::int64_t{0},
                      [](std::int64_t sum, const Candidate& c) { return sum + c.weight; });
  scale_ = std::max<std::int64_t>(1, finest_total / weights);
  total_ = weights * scale_;
  cells_.clear();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& c = candidates[i];
    cells_.push_back(
        {c.counters, std::llround(credits_[i] * static_cast<double>(total_)), c.weight, 0, c.key});
  }
}

}  // namespace

std::unique_ptr<Strategy> make_leastconn(const StrategyArgs& args) {
  return std::make_unique<LeastConn>(args);
}

}  // namespace evenkeel::strategy
