#include <algorithm>
#include <numeric>

#include "strategy/fleet.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using test::Fleet;

namespace {

double share_of_slow(std::string_view strategy, std::size_t targets, std::size_t clients) {
  Fleet fleet(strategy, std::vector<std::uint32_t>(targets, 1));
  std::vector<int> answer_ms(targets, 10);
  answer_ms[0] = 100;
  const std::vector<int> counts = test::closed_loop(fleet, clients, answer_ms, 20'000);
  return counts[0] / static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0));
}

}  // namespace

TEST_CASE("hotcold takes the one of two idle targets that answers sooner") {
  Fleet fleet("hotcold", {1, 1, 1});
  std::chrono::milliseconds latency{30};
  for (int i = 0; i < 3; ++i) {
    // Each is tried once, since nothing is known of it.
    Lease lease = fleet.pick();
    lease.answered(lease.target().host == "b" ? 5ms : latency++);
  }
  // The slowest of three is never the better one, the fastest always: in two of three pairs.
  const std::string picks = fleet.run(300);
  CHECK(std::ranges::count(picks, 'b') == Approx(200).margin(33));
  CHECK((std::ranges::count(picks, 'a') == 0 || std::ranges::count(picks, 'c') == 0));
}

TEST_CASE("hotcold turns to others when the fastest target is hot") {
  Fleet fleet("hotcold", {1, 1, 1, 1});
  const std::vector<int> counts = test::closed_loop(fleet, 16, {5, 6, 6, 6}, 5'000);
  const int total = std::accumulate(counts.begin(), counts.end(), 0);
  CAPTURE(counts);
  for (const int count : counts) CHECK(count > total / 8);
}

TEST_CASE("hotcold keeps what is in flight near the weights") {
  Fleet fleet("hotcold", {3, 2, 1});
  (void)fleet.start(600);
  CHECK(fleet.in_flight(0) == Approx(300).epsilon(0.2));
  CHECK(fleet.in_flight(1) == Approx(200).epsilon(0.2));
  CHECK(fleet.in_flight(2) == Approx(100).epsilon(0.2));
}

TEST_CASE("hotcold does not care what unit weights are in") {
  const auto picks = [](const std::vector<std::uint32_t>& weights) {
    Fleet fleet("hotcold", weights);
    return test::closed_loop(fleet, 6, {10, 12, 20, 10}, 5'000);
  };
  CHECK(picks({3, 2, 2, 1}) == picks({300, 200, 200, 100}));
}

TEST_CASE("hotcold leaves a slow target alone while others are idle, where leastconn does not") {
  CHECK(share_of_slow("hotcold", 5, 3) < share_of_slow("leastconn", 5, 3) / 4);
  CHECK(share_of_slow("hotcold", 40, 20) < share_of_slow("leastconn", 40, 20) / 4);
}

// Then the least that it takes from its theta on is what others have, and counts are all there is to go by.
TEST_CASE("hotcold is like leastconn when all targets are busy") {
  CHECK(share_of_slow("hotcold", 5, 20) == Approx(share_of_slow("leastconn", 5, 20)).epsilon(0.2));
  CHECK(share_of_slow("hotcold", 40, 160) == Approx(share_of_slow("leastconn", 40, 160)).epsilon(0.2));
}

TEST_CASE("hotcold passes over what is excluded") {
  const std::size_t targets = GENERATE(3U, 50U);
  Fleet fleet("hotcold", std::vector<std::uint32_t>(targets, 1));
  std::vector<TargetKey> exclude;
  for (const TargetStatus& status : fleet.pool.status()) exclude.push_back(status.key);
  const TargetKey left = exclude.back();
  exclude.pop_back();
  for (int i = 0; i < 50; ++i) CHECK(fleet.pick({.exclude = exclude}).key() == left);
}
