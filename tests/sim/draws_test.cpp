#include "sim/draws.hpp"

#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::sim;
using namespace std::chrono_literals;

namespace {

struct Sample {
  double mean;
  double median;
  double least;
};

// Of 100,000, in milliseconds.
Sample sample(const ServiceTime& time) {
  base::Random random(7);
  std::vector<double> all;
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(std::chrono::duration<double, std::milli>(draw(time, random)).count());
    sum += all.back();
  }
  std::ranges::sort(all);
  return {sum / static_cast<double>(all.size()), all[all.size() / 2], all.front()};
}

// How many come in each second.
std::vector<int> arrivals(const SimLoad& load, int seconds) {
  base::Random random(7);
  Arrivals coming(load);
  std::vector<int> counts(static_cast<std::size_t>(seconds));
  for (Nanos at = coming.next(Nanos(0), random); at < std::chrono::seconds(seconds);
       at = coming.next(at, random))
    ++counts[static_cast<std::size_t>(at / 1s)];
  return counts;
}

}  // namespace

TEST_CASE("service times have the mean, the median and the least that they say") {
  using enum ServiceTime::Kind;
  CHECK(sample({.kind = constant, .scale = 10ms}).mean == Approx(10));
  CHECK(sample({.kind = exponential, .scale = 10ms}).mean == Approx(10).epsilon(0.02));
  const Sample lognormal_ = sample({.kind = lognormal, .scale = 10ms, .shape = 0.5});
  CHECK(lognormal_.median == Approx(10).epsilon(0.02));
  CHECK(lognormal_.mean == Approx(10 * std::exp(0.125)).epsilon(0.02));
  const Sample pareto_ = sample({.kind = pareto, .scale = 10ms, .shape = 3});
  CHECK(pareto_.least == Approx(10).epsilon(0.001));
  CHECK(pareto_.mean == Approx(15).epsilon(0.02));
  ServiceTime recorded_{.kind = recorded};
  recorded_.recorded = {1ms, 2ms, 9ms};
  CHECK(sample(recorded_).mean == Approx(4).epsilon(0.02));
}

TEST_CASE("an open load comes at its rate, also while that changes") {
  const std::vector<int> steady = arrivals({.rate = {{0ms, 1'000}}}, 10);
  for (const int count : steady) CHECK(count == Approx(1'000).margin(130));  // four standard deviations
  const std::vector<int> even = arrivals({.rate = {{0ms, 1'000}}, .is_even = true}, 10);
  for (const int count : even) CHECK(count == Approx(1'000).margin(1));
  const std::vector<int> ramp =
      arrivals({.rate = {{0ms, 0}, {10'000ms, 1'000}, {11'000ms, 0}}, .is_even = true}, 15);
  for (int second = 0; second < 10; ++second)
    CHECK(ramp[static_cast<std::size_t>(second)] == Approx(100 * second + 50).margin(1));
  CHECK(ramp[10] == Approx(500).margin(1));
  CHECK(ramp[11] == 0);
}

TEST_CASE("an open load may pause") {
  const std::vector<int> pause = arrivals(
      {.rate = {{0ms, 100}, {1'000ms, 100}, {1'001ms, 0}, {3'000ms, 0}, {3'001ms, 100}}, .is_even = true}, 5);
  CHECK(pause[1] <= 1);
  CHECK(pause[2] == 0);
  CHECK(pause[4] == Approx(100).margin(1));
}

TEST_CASE("clients ask alike, or by Zipf's law") {
  base::Random random(7);
  const Clients alike(10, 0);
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < 10'000; ++i) ++counts[alike.draw(random)];
  CHECK(counts.size() == 10);
  for (const auto& [client, count] : counts) CHECK(count == Approx(1'000).margin(130));
  const Clients skewed(10, 1);
  counts.clear();
  for (int i = 0; i < 10'000; ++i) ++counts[skewed.draw(random)];
  CHECK(counts[0] == Approx(2 * counts[1]).epsilon(0.1));
  CHECK(alike.affinity(1) != alike.affinity(2));
}
