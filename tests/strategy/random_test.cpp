#include <cmath>
#include <numeric>

#include "strategy/candidates.hpp"

using namespace evenkeel;
using test::Candidates;

namespace {

// Pearson's chi-square in standard deviations of its distribution (mean k, variance 2k): above 5 the
// draws do not follow the weights. Seeded, so it holds always or never.
double misfit(const std::vector<std::int64_t>& counts, const std::vector<Candidate>& list) {
  double weights = 0;
  std::int64_t total = 0;
  for (const Candidate& c : list) {
    weights += c.weight;
    total += counts[c.key];
  }
  double chi_square = 0;
  for (const Candidate& c : list) {
    const double expected = static_cast<double>(total) * c.weight / weights;
    chi_square += std::pow(static_cast<double>(counts[c.key]) - expected, 2) / expected;
  }
  const auto freedom = static_cast<double>(list.size() - 1);
  return (chi_square - freedom) / std::sqrt(2 * freedom);
}

std::vector<std::uint32_t> ramp(std::uint32_t count) {
  std::vector<std::uint32_t> weights(count);
  std::iota(weights.begin(), weights.end(), 1U);
  return weights;
}

}  // namespace

TEST_CASE("random follows the weights") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  const auto weights = GENERATE(std::vector<std::uint32_t>{1, 1}, std::vector<std::uint32_t>{1, 1, 1},
                                std::vector<std::uint32_t>{3, 2, 1}, std::vector<std::uint32_t>{100, 1, 1},
                                std::vector<std::uint32_t>{65'535, 1'000, 200}, ramp(100),
                                std::vector<std::uint32_t>(1'000, 7));
  CAPTURE(seed, weights.size());
  const Candidates candidates(weights);
  const auto strategy = test::make("random", candidates, {.seed = seed});
  const auto counts = test::count(*strategy, candidates, 200'000);
  CHECK(misfit(counts, candidates.list()) < 5);
}

TEST_CASE("random follows the weights among those that are not excluded") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  // The second case excludes nearly all the weight: the redraws fail and the fallback decides.
  const auto weights =
      GENERATE(std::vector<std::uint32_t>{4, 3, 2, 1}, std::vector<std::uint32_t>{65'535, 3, 2, 1});
  CAPTURE(seed, weights);
  Candidates candidates(weights);
  const auto strategy = test::make("random", candidates, {.seed = seed});
  const TargetKey exclude[] = {0};
  auto counts = test::count(*strategy, candidates, 100'000, {.exclude = exclude});
  CHECK(counts[0] == 0);
  candidates.set_present(0, false);
  CHECK(misfit(counts, candidates.list()) < 5);
}

TEST_CASE("random repeats with its seed, and differs by loop") {
  const Candidates candidates({1, 1, 1, 1, 1, 1, 1, 1});
  const auto sequence = [&](std::uint64_t seed, unsigned loop) {
    const auto strategy = test::make("random", candidates, {seed, loop});
    return test::picks(*strategy, candidates, 30);
  };
  CHECK(sequence(7, 0) == sequence(7, 0));
  CHECK(sequence(7, 0) != sequence(8, 0));
  CHECK(sequence(7, 0) != sequence(7, 1));
  CHECK(sequence(7, 1) != sequence(8, 0));  // neighbouring seeds and loops do not share a stream
}
