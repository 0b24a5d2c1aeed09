// A strategy of your own, without touching evenkeel: the better of two random targets.
//
// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001): looking at two targets
// instead of one makes the fullest queue exponentially shorter, and costs the same with 3 targets or
// 3,000.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <evenkeel/balancer.hpp>
#include <evenkeel/clock.hpp>
#include <evenkeel/strategy.hpp>
#include <evenkeel/target_pool.hpp>
#include <memory>
#include <random>
#include <string>

namespace {

class PowerOfTwo final : public evenkeel::Strategy {
 public:
  explicit PowerOfTwo(const evenkeel::StrategyArgs& args) : random_(args.seed + args.loop_index) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "poweroftwo"; }

  // The span stays valid until the next call, so there is nothing to copy.
  void rebuild(std::span<const evenkeel::Candidate> candidates) override { candidates_ = candidates; }

  // One loop alone uses this object: no lock. And no allocation.
  [[nodiscard]] std::size_t pick(const evenkeel::PickContext& context) noexcept override {
    const std::size_t a = below(candidates_.size());
    // A distinct second one. Moving on only when both are the same would favour neighbours.
    std::size_t b = below(candidates_.size() - 1);
    if (b >= a) ++b;
    if (context.excludes(candidates_[a].key)) return b;  // if b is excluded too, the balancer moves on
    if (context.excludes(candidates_[b].key)) return a;
    return less_loaded(candidates_[b], candidates_[a]) ? b : a;
  }

 private:
  // Work in flight for the weight, over all loops of the process, by products instead of divisions.
  static bool less_loaded(const evenkeel::Candidate& a, const evenkeel::Candidate& b) noexcept {
    return std::uint64_t{a.counters->in_flight()} * b.weight <
           std::uint64_t{b.counters->in_flight()} * a.weight;
  }
  std::size_t below(std::size_t bound) noexcept { return random_() % bound; }

  std::span<const evenkeel::Candidate> candidates_;
  std::minstd_rand random_;
};

// Throws `work` pieces at the targets, of which the last 200 are always under way, and returns the
// most that any target ever had to do at once.
std::uint32_t busiest(evenkeel::TargetPool& pool, std::unique_ptr<evenkeel::Strategy> strategy, int work) {
  evenkeel::Balancer balancer(pool, std::move(strategy));
  std::deque<evenkeel::Lease> under_way;
  std::uint32_t most = 0;
  for (int i = 0; i < work; ++i) {
    auto lease = balancer.pick();
    if (!lease) return ~0U;
    under_way.push_back(std::move(*lease));
    if (under_way.size() > 200) under_way.pop_front();
    if (i % 50 != 0) continue;
    for (const auto& status : pool.status()) most = std::max(most, status.in_flight);
  }
  return most;
}

}  // namespace

int main() {
  const evenkeel::SteadyClock clock;
  evenkeel::TargetPool pool({}, clock);
  for (int i = 1; i <= 100; ++i) {
    const auto target = evenkeel::Target::parse("http://app" + std::to_string(i) + ":3000");
    if (!target || !pool.add(*target, evenkeel::Health::up)) return 1;
  }

  const auto random = evenkeel::find_strategy("random");
  if (!random) return 1;
  const std::uint32_t one = busiest(pool, (*random)({.seed = 1, .loop_index = 0}), 20'000);
  const std::uint32_t two =
      busiest(pool, std::make_unique<PowerOfTwo>(evenkeel::StrategyArgs{.seed = 1, .loop_index = 0}), 20'000);
  std::printf("2 at once on average; at most %u by random, %u by the better of two\n", one, two);
  return two < one && two <= 5 ? 0 : 1;
}
