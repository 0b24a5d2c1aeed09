#include <algorithm>
#include <array>
#include <cmath>

#include "strategy/fleet.hpp"
#include "strategy/two_choices.hpp"

using namespace evenkeel;
using test::Candidates;
using test::Fleet;

namespace {

std::uint32_t longest_queue(std::string_view strategy, std::size_t targets, std::uint64_t seed) {
  Fleet fleet(strategy, std::vector<std::uint32_t>(targets, 1), 1, seed);
  (void)fleet.start(static_cast<int>(targets));
  std::uint32_t longest = 0;
  for (const TargetStatus& status : fleet.pool.status()) longest = std::max(longest, status.in_flight);
  return longest;
}

}  // namespace

// Mitzenmacher: of n balls into n bins the fullest has about log n / log log n by chance, 7 here, and about
// log log n / log 2 with two choices, 3 here; both within a small constant.
TEST_CASE("p2c keeps the longest queue as short as the theorem says") {
  const std::uint64_t seed = GENERATE(range(1U, 6U));
  constexpr std::size_t n = 4'096;
  const double log_log = std::log(std::log(static_cast<double>(n)));
  const std::uint32_t by_chance = longest_queue("random", n, seed);
  const std::uint32_t by_choice = longest_queue("p2c", n, seed);
  CAPTURE(by_chance, by_choice);
  CHECK(by_choice >= 3);
  CHECK(by_choice <= log_log / std::log(2.0) + 1);
  CHECK(by_chance >= std::log(static_cast<double>(n)) / log_log);
  CHECK(by_chance <= 3 * std::log(static_cast<double>(n)) / log_log);
}

TEST_CASE("two choices are every pair alike, never the same one twice") {
  const Candidates candidates({1, 1, 1, 1, 1});
  strategy::TwoChoices choices({.seed = 1});
  choices.rebuild(candidates.list());
  std::array<std::array<int, 5>, 5> counts{};
  for (int i = 0; i < 200'000; ++i) {
    const auto pair = choices.draw({});
    ++counts[pair.first][pair.second];
  }
  for (std::size_t a = 0; a < 5; ++a) {
    CHECK(counts[a][a] == 0);
    for (std::size_t b = 0; b < 5; ++b) {
      if (a != b) CHECK(counts[a][b] == Approx(10'000).epsilon(0.05));
    }
  }
}

TEST_CASE("two choices pass over what is excluded, and are one when one is left") {
  const Candidates candidates({1'000'000, 1, 1, 1});
  strategy::TwoChoices choices({.seed = 2});
  choices.rebuild(candidates.list());
  const TargetKey two[] = {0, 3};
  const TargetKey three[] = {0, 3, 1};
  for (int i = 0; i < 200; ++i) {
    const auto any = choices.draw({});
    CHECK(any.first != any.second);
    const auto of_two = choices.draw({.exclude = two});
    CHECK(of_two.first + of_two.second == 3);
    const auto of_one = choices.draw({.exclude = three});
    CHECK(of_one.first == 2);
    CHECK(of_one.second == 2);
  }
}

TEST_CASE("p2c sends by weight when nothing is busy, and fills by weight when all are") {
  Fleet fleet("p2c", {3, 2, 1});
  const std::string idle = fleet.run(30'000);
  CHECK(std::ranges::count(idle, 'a') == Approx(15'000).epsilon(0.03));
  CHECK(std::ranges::count(idle, 'c') == Approx(5'000).epsilon(0.05));
  (void)fleet.start(600);
  CHECK(fleet.in_flight(0) == Approx(300).margin(6));
  CHECK(fleet.in_flight(1) == Approx(200).margin(6));
  CHECK(fleet.in_flight(2) == Approx(100).margin(6));
}

TEST_CASE("p2c on one loop sees the work of the others") {
  Fleet fleet("p2c", {1, 1}, 2);
  for (int i = 0; i < 50; ++i) {
    (void)fleet.start(1, 0);
    (void)fleet.start(1, 1);
  }
  CHECK(fleet.in_flight(0) == 50);
  CHECK(fleet.in_flight(1) == 50);
}

TEST_CASE("p2c sends little to a slow target") {
  Fleet fleet("p2c", std::vector<std::uint32_t>(5, 1));
  const std::vector<int> counts = test::closed_loop(fleet, 32, {100, 5, 5, 5, 5}, 20'000);
  CAPTURE(counts);
  CHECK(counts[0] < (counts[0] + counts[1] + counts[2] + counts[3] + counts[4]) / 20);
}
