#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.hpp"
#include "strategy/candidates.hpp"

using namespace evenkeel;
using test::Candidates;
using test::picks;

namespace {

// nginx's algorithm, word for word: what "smooth weighted round robin" is.
class Definition {
 public:
  explicit Definition(const std::vector<std::uint32_t>& weights)
      : weights_(weights.begin(), weights.end()), current_(weights.size()) {}

  std::size_t pick() {
    std::int64_t total = 0;
    std::size_t best = current_.size();
    for (std::size_t i = 0; i < current_.size(); ++i) {
      current_[i] += weights_[i];
      total += weights_[i];
      if (best == current_.size() || current_[i] > current_[best]) best = i;
    }
    current_[best] -= total;
    return best;
  }

 private:
  std::vector<std::int64_t> weights_;
  std::vector<std::int64_t> current_;
};

std::vector<std::uint32_t> random_weights(base::Random& random) {
  std::vector<std::uint32_t> weights(2 + random.below(60));
  const std::uint32_t different = 1 + random.below(32);
  const std::uint32_t scale = 1 + random.below(10);
  for (auto& weight : weights) weight = scale * (1 + random.below(different));
  return weights;
}

}  // namespace

TEST_CASE("equal targets are picked in turn") {
  const Candidates candidates({1, 1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  CHECK(picks(*strategy, candidates, 12) == "abcdabcdabcd");
}

TEST_CASE("weights 5, 1, 1 give nginx's sequence, without bursts") {
  const Candidates candidates({5, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  CHECK(picks(*strategy, candidates, 14) == "aabacaaaabacaa");
}

TEST_CASE("weights with a common factor are the same weights") {
  const Candidates candidates({500, 100, 100});
  const auto strategy = test::make("roundrobin", candidates);
  CHECK(picks(*strategy, candidates, 7) == "aabacaa");
}

TEST_CASE("round robin follows the definition pick by pick for any weights") {
  base::Random random(3);
  for (int round = 0; round < 300; ++round) {
    const auto weights = random_weights(random);
    const Candidates candidates(weights);
    const auto strategy = test::make("roundrobin", candidates);
    Definition definition(weights);
    const auto cycle = std::accumulate(weights.begin(), weights.end(), 0U);
    for (std::uint32_t i = 0; i < 2 * cycle; ++i) {
      const std::size_t expected = definition.pick();
      const std::size_t picked = strategy->pick({});
      if (picked == expected) continue;
      CAPTURE(round, weights, i);
      REQUIRE(picked == expected);
    }
  }
}

TEST_CASE("loops start at different places of the same cycle") {
  SECTION("equal weights") {
    const Candidates candidates({1, 1, 1});
    std::set<std::string> starts;
    for (unsigned loop = 0; loop < 3; ++loop) {
      starts.insert(picks(*test::make("roundrobin", candidates, {0, loop}), candidates, 3));
    }
    CHECK(starts == std::set<std::string>{"abc", "bca", "cab"});
  }
  SECTION("weights") {
    const Candidates candidates({5, 1, 1});
    // 7 / golden ratio is 4: the loops begin at 0, 4, 1, 5.
    CHECK(picks(*test::make("roundrobin", candidates, {0, 0}), candidates, 7) == "aabacaa");
    CHECK(picks(*test::make("roundrobin", candidates, {0, 1}), candidates, 7) == "caaaaba");
    CHECK(picks(*test::make("roundrobin", candidates, {0, 2}), candidates, 7) == "abacaaa");
    CHECK(picks(*test::make("roundrobin", candidates, {0, 3}), candidates, 7) == "aaaabac");
  }
}

TEST_CASE("as many loops as targets have as many different first picks") {
  const std::uint32_t count = GENERATE(2U, 3U, 4U, 5U, 8U, 10U, 16U, 100U);
  CAPTURE(count);
  const Candidates candidates(std::vector<std::uint32_t>(count, 1));
  std::set<std::size_t> firsts;
  for (unsigned loop = 0; loop < count; ++loop) {
    firsts.insert(test::make("roundrobin", candidates, {0, loop})->pick({}));
  }
  CHECK(firsts.size() == count);
}

TEST_CASE("the loops of a process are even together, whatever each of them gets") {
  const unsigned loops = GENERATE(2U, 3U, 4U, 5U, 6U, 7U, 8U);
  const auto weights = GENERATE(std::vector<std::uint32_t>{1, 1, 1}, std::vector<std::uint32_t>{3, 2, 1});
  const Candidates candidates(weights);
  std::vector<std::unique_ptr<Strategy>> strategies;
  strategies.reserve(loops);
  for (unsigned loop = 0; loop < loops; ++loop) {
    strategies.push_back(test::make("roundrobin", candidates, {0, loop}));
  }
  base::Random random(loops);
  std::vector<double> counts(weights.size());
  for (int i = 0; i < 9'000; ++i) ++counts[strategies[random.below(loops)]->pick({})];
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CAPTURE(loops, i, weights[i]);
    CHECK(counts[i] == Approx(9'000 * weights[i] / total).margin(loops));
  }
}

TEST_CASE("a thousand equal targets get exactly the same") {
  const Candidates candidates(std::vector<std::uint32_t>(1'000, 3));
  const auto strategy = test::make("roundrobin", candidates, {0, 5});
  const auto counts = test::count(*strategy, candidates, 7'000);
  CHECK(std::ranges::all_of(counts, [](auto n) { return n == 7; }));
}

TEST_CASE("a thousand targets with 32 weights get exactly their weights") {
  std::vector<std::uint32_t> weights(1'000);
  for (std::uint32_t i = 0; i < 1'000; ++i) weights[i] = 1 + i % 32;
  const Candidates candidates(weights);
  const auto strategy = test::make("roundrobin", candidates);
  const auto counts = test::count(*strategy, candidates, std::accumulate(weights.begin(), weights.end(), 0U));
  CHECK(std::ranges::equal(counts, weights));
}

TEST_CASE("a thousand targets with a thousand weights get their weights, give or take one") {
  std::vector<std::uint32_t> weights(1'000);
  std::iota(weights.begin(), weights.end(), 1U);
  const Candidates candidates(weights);
  const auto strategy = test::make("roundrobin", candidates, {.seed = 5});
  const auto counts = test::count(*strategy, candidates, std::accumulate(weights.begin(), weights.end(), 0U));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CHECK(std::abs(counts[i] - std::int64_t{weights[i]}) <= 1);
  }
}

TEST_CASE("with many weights the first picks do not lean to the heavy targets") {
  std::vector<std::uint32_t> weights(40);
  std::iota(weights.begin(), weights.end(), 1U);
  const Candidates candidates(weights);
  // The lighter half holds a quarter of the weight, so it gets a quarter of the first picks.
  int light = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    if (test::make("roundrobin", candidates, {.seed = seed})->pick({}) < 20) ++light;
  }
  CHECK(light == Approx(1'000 * 210.0 / 820.0).epsilon(0.15));
}

TEST_CASE("an excluded target has its turn next, and the others stay in turn") {
  const Candidates candidates({1, 1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  const TargetKey a[] = {0};
  CHECK(picks(*strategy, candidates, 1, {.exclude = a}) == "b");
  CHECK(picks(*strategy, candidates, 3) == "acd");
}

TEST_CASE("a target that is always excluded leaves the others even, and returns without a burst") {
  const auto weights =
      GENERATE(std::vector<std::uint32_t>{1, 1, 1, 1}, std::vector<std::uint32_t>{90, 1, 1, 1},
               std::vector<std::uint32_t>{7, 3, 2, 1});
  CAPTURE(weights);
  const Candidates candidates(weights);
  const auto strategy = test::make("roundrobin", candidates);
  const TargetKey a[] = {0};
  const auto counts = test::count(*strategy, candidates, 60'000, {.exclude = a});
  CHECK(counts[0] == 0);
  const double others = weights[1] + weights[2] + weights[3];
  for (const std::size_t i : {1U, 2U, 3U}) {
    CHECK(static_cast<double>(counts[i]) == Approx(60'000 * weights[i] / others).margin(3));
  }

  const double total = weights[0] + others;
  const auto after = test::count(*strategy, candidates, 1'000);
  CHECK(static_cast<double>(after[0]) == Approx(1'000 * weights[0] / total).margin(3));
}

TEST_CASE("with many weights, exclusion takes the next that is due") {
  std::vector<std::uint32_t> weights(40);
  std::iota(weights.begin(), weights.end(), 1U);
  const Candidates candidates(weights);
  const auto strategy = test::make("roundrobin", candidates);
  const TargetKey heavy[] = {39, 38};
  const auto counts = test::count(*strategy, candidates, 74'100, {.exclude = heavy});
  CHECK(counts[39] + counts[38] == 0);
  for (std::size_t i = 0; i < 38; ++i) {
    CHECK(static_cast<double>(counts[i]) == Approx(100.0 * weights[i]).margin(2));
  }
}
