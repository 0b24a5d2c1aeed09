// Smooth weighted round robin: every target in turn, heavy ones more often but never in a burst.
#include <algorithm>
#include <numeric>
#include <vector>

#include "strategy/credit_book.hpp"
#include "strategy/deadline_schedule.hpp"
#include "strategy/smooth_schedule.hpp"
#include "strategy/stagger.hpp"
#include "strategy/strategies.hpp"

namespace evenkeel::strategy {
namespace {

class RoundRobin final : public Strategy {
 public:
  explicit RoundRobin(const StrategyArgs& args) noexcept : args_(args) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "roundrobin"; }

  void rebuild(std::span<const Candidate> candidates) override;

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    ++picks_;
    return by_deadline_ ? deadline_.pick(context) : smooth_.pick(context);
  }

 private:
  void begin(std::span<const Candidate> candidates);

  StrategyArgs args_;
  CreditBook book_;
  SmoothSchedule smooth_;
  DeadlineSchedule deadline_;
  std::vector<double> credits_;  // scratch of rebuild(); one a candidate
  std::uint64_t picks_ = 0;      // since the last rebuild()
  bool by_deadline_ = false;
};

void RoundRobin::rebuild(std::span<const Candidate> candidates) {
  if (book_.same(candidates)) return;
  const bool first_time = credits_.empty();
  if (!first_time) by_deadline_ ? deadline_.credits(credits_) : smooth_.credits(credits_);
  book_.carry_over(candidates, picks_, credits_);
  picks_ = 0;
  by_deadline_ = !SmoothSchedule::fits(candidates);
  if (first_time) {
    begin(candidates);
  } else {
    by_deadline_ ? deadline_.reset(candidates, credits_) : smooth_.reset(candidates, credits_);
  }
}

// Each loop begins at a place of its own.
void RoundRobin::begin(std::span<const Candidate> candidates) {
  if (by_deadline_) {
    // The heaviest would all be due before the lightest: random places in their periods, as gRPC A58.
    base::Random random = loop_random(args_);
    std::ranges::generate(credits_, [&] { return random.unit(); });
    deadline_.reset(candidates, credits_);
    return;
  }
  smooth_.reset(candidates, credits_);
  std::uint32_t divisor = 0;
  std::uint64_t total = 0;
  for (const Candidate& c : candidates) {
    divisor = std::gcd(divisor, c.weight);
    total += c.weight;
  }
  constexpr std::uint64_t longest_walk = 65'536;  // under a millisecond, once
  const std::uint64_t cycle = std::min(total / divisor, longest_walk);
  for (std::uint64_t i = staggered_start(args_.loop_index, cycle); i > 0; --i) (void)smooth_.pick({});
}

}  // namespace

std::unique_ptr<Strategy> make_roundrobin(const StrategyArgs& args) {
  return std::make_unique<RoundRobin>(args);
}

}  // namespace evenkeel::strategy
