// Round robin while targets come and go: the ones that stay must not notice.
#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "strategy/candidates.hpp"

using namespace evenkeel;
using test::Candidates;
using test::picks;

namespace {

// How far the targets that stay are from their shares of what they got together: in picks, the worst
// at any time.
class Unevenness {
 public:
  explicit Unevenness(std::vector<std::uint32_t> weights)
      : weights_(std::move(weights)), counts_(weights_.size()) {}

  void count(TargetKey key) {
    if (key >= weights_.size()) return;  // one that flaps
    ++counts_[key];
    const double weights = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    const double total = std::accumulate(counts_.begin(), counts_.end(), 0.0);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      worst_ = std::max(worst_, std::abs(counts_[i] - total * weights_[i] / weights));
    }
  }
  [[nodiscard]] double worst() const { return worst_; }

 private:
  std::vector<std::uint32_t> weights_;
  std::vector<double> counts_;
  double worst_ = 0;
};

// The targets that stay come first in `weights`; the last `flapping` ones change at random every
// `interval` picks.
double unevenness_with_flapping(const std::vector<std::uint32_t>& weights, std::size_t flapping, int interval,
                                std::uint64_t seed) {
  const std::size_t staying = weights.size() - flapping;
  Candidates candidates(weights);
  const auto strategy = test::make("roundrobin", candidates, {.seed = seed});
  Unevenness unevenness({weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(staying)});
  base::Random random(seed);
  for (int i = 0; i < 5'000; ++i) {
    if (i % interval == 0) {
      const auto key = static_cast<TargetKey>(staying + random.below(static_cast<std::uint32_t>(flapping)));
      candidates.set_present(key, !candidates.present(key));
      strategy->rebuild(candidates.list());
    }
    unevenness.count(candidates.list()[strategy->pick({})].key);
  }
  return unevenness.worst();
}

}  // namespace

TEST_CASE("a change resumes the rotation where it was") {
  Candidates candidates({1, 1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  CHECK(picks(*strategy, candidates, 2) == "ab");
  candidates.set_present(3, false);
  strategy->rebuild(candidates.list());
  CHECK(picks(*strategy, candidates, 4) == "cabc");
  candidates.set_present(3, true);
  strategy->rebuild(candidates.list());
  CHECK(picks(*strategy, candidates, 8).find("aa") == std::string::npos);
}

TEST_CASE("publishing the same list again changes nothing") {
  const Candidates candidates({5, 1, 1});
  const Candidates copy({5, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  std::string sequence;
  for (int i = 0; i < 14; ++i) {
    strategy->rebuild(i % 2 == 0 ? copy.list() : candidates.list());
    sequence += picks(*strategy, candidates, 1);
  }
  CHECK(sequence == "aabacaaaabacaa");
}

TEST_CASE("a change at every pick does not send all work to the first of the list") {
  Candidates candidates({1, 1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  std::vector<int> counts(4);
  for (int i = 0; i < 3'000; ++i) {
    candidates.set_present(3, !candidates.present(3));
    strategy->rebuild(candidates.list());
    ++counts[candidates.list()[strategy->pick({})].key];
  }
  CHECK(std::abs(counts[0] - counts[1]) <= 1);
  CHECK(std::abs(counts[1] - counts[2]) <= 1);
}

TEST_CASE("equal targets that stay are within one pick of each other, however the others flap") {
  const int interval = GENERATE(1, 2, 3, 5, 17);
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  CAPTURE(interval, seed);
  CHECK(unevenness_with_flapping({1, 1, 1, 1, 1, 1, 1}, 3, interval, seed) < 1);
  CHECK(unevenness_with_flapping({2, 2, 2, 2, 1, 5, 9}, 3, interval, seed) < 1);
}

TEST_CASE("weighted targets that stay are within two picks of their shares, however the others flap") {
  const int interval = GENERATE(1, 2, 3, 5, 17);
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  CAPTURE(interval, seed);
  CHECK(unevenness_with_flapping({3, 2, 1, 1, 1}, 2, interval, seed) < 2);
  CHECK(unevenness_with_flapping({100, 1, 1, 50, 3}, 2, interval, seed) < 2);
  CHECK(unevenness_with_flapping({1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 20, 10, 1}, 4, interval, seed) < 2);
  std::vector<std::uint32_t> many(40);
  std::iota(many.begin(), many.end(), 1U);  // by deadline, now and then by classes
  CHECK(unevenness_with_flapping(many, 10, interval, seed) < 2);
}

TEST_CASE("however skewed the weights, flapping moves nobody by more than a few picks") {
  base::Random random(1);
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::vector<std::uint32_t> weights(3 + random.below(20));
    for (auto& weight : weights) weight = random.below(4) == 0 ? 100 : 1 + random.below(3);
    const std::size_t flapping = 1 + random.below(static_cast<std::uint32_t>(weights.size() - 2));
    const int interval = 1 + static_cast<int>(random.below(12));
    CAPTURE(seed, weights, flapping, interval);
    CHECK(unevenness_with_flapping(weights, flapping, interval, seed) < 4);
  }
}

TEST_CASE("a target that comes back at once is not picked before those that wait") {
  Candidates candidates({1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  std::string sequence;
  for (int i = 0; i < 12; ++i) {  // c drops out and returns before each pick
    candidates.set_present(2, false);
    strategy->rebuild(candidates.list());
    candidates.set_present(2, true);
    strategy->rebuild(candidates.list());
    sequence += picks(*strategy, candidates, 1);
  }
  CHECK(std::ranges::count(sequence, 'c') <= 4);
  CHECK(std::abs(std::ranges::count(sequence, 'a') - std::ranges::count(sequence, 'b')) <= 1);
}

TEST_CASE("a target that drops out after each of its picks gains nothing by it") {
  Candidates candidates({1, 1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  int to_a = 0;
  for (int i = 0; i < 4'000; ++i) {
    if (candidates.list()[strategy->pick({})].key != 0) continue;
    ++to_a;
    candidates.set_present(0, false);
    strategy->rebuild(candidates.list());
    candidates.set_present(0, true);
    strategy->rebuild(candidates.list());
  }
  CHECK(to_a == Approx(1'000).margin(1));
}

TEST_CASE("a target that was away for long is not owed what it missed") {
  Candidates candidates({1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  (void)picks(*strategy, candidates, 4);
  candidates.set_present(0, false);
  strategy->rebuild(candidates.list());
  (void)picks(*strategy, candidates, 10'000);
  candidates.set_present(0, true);
  strategy->rebuild(candidates.list());
  const std::string next = picks(*strategy, candidates, 9);
  CHECK(std::ranges::count(next, 'a') == 3);
  CHECK(next.find("aa") == std::string::npos);
}

TEST_CASE("all weights scaled up, as slow start does, disturb nothing") {
  Candidates plain({3, 2, 1});
  Candidates scaled({3, 2, 1});
  const auto a = test::make("roundrobin", plain);
  const auto b = test::make("roundrobin", scaled);
  for (int i = 0; i < 600; ++i) {
    const std::uint32_t factor = i % 2 == 0 ? 10 : 1;
    for (const TargetKey key : {0U, 1U, 2U}) scaled.set_weight(key, (3 - key) * factor);
    b->rebuild(scaled.list());
    REQUIRE(a->pick({}) == b->pick({}));
  }
}

TEST_CASE("a target that is replaced again and again leaves no trace") {
  // As container discovery does it: a new key each time. What is remembered stays small, or this
  // would be quadratic and time out.
  const Candidates candidates({1, 1, 1});
  const auto strategy = test::make("roundrobin", candidates);
  Unevenness unevenness({1, 1});
  std::vector<Candidate> list(candidates.list());
  for (TargetKey key = 3; key < 100'000; ++key) {
    list.back().key = key;
    strategy->rebuild(list);
    unevenness.count(list[strategy->pick({})].key);
  }
  CHECK(unevenness.worst() < 1);
}
