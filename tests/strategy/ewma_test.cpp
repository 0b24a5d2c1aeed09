#include <algorithm>
#include <numeric>

#include "strategy/fleet.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using test::Fleet;

namespace {

// Both are equally busy; answers of `a` took this long.
double share_of_a(Fleet& fleet, int picks = 2'000) {
  const std::string hosts = fleet.run(picks);
  return static_cast<double>(std::ranges::count(hosts, 'a')) / picks;
}

void answer(Fleet& fleet, char host, std::chrono::microseconds latency) {
  for (;;) {
    Lease lease = fleet.pick();
    if (lease.target().host[0] != host) continue;
    return lease.report(Outcome::success, latency);
  }
}

}  // namespace

TEST_CASE("ewma takes the target that answers sooner") {
  Fleet fleet("ewma", {1, 1});
  answer(fleet, 'a', 10ms);
  answer(fleet, 'b', 30ms);
  CHECK(share_of_a(fleet) == 1);
}

TEST_CASE("ewma counts what waits at a target") {
  Fleet fleet("ewma", {1, 1});
  answer(fleet, 'a', 10ms);
  answer(fleet, 'b', 31ms);
  // 10, 20, 30 ms for a, and only then 31 for b.
  CHECK(fleet.start(4) == "aaab");
}

TEST_CASE("ewma keeps what is in flight near the weights, where targets are equally fast") {
  Fleet fleet("ewma", {1, 4});
  answer(fleet, 'a', 10ms);
  answer(fleet, 'b', 10ms);
  (void)fleet.start(50);
  CHECK(fleet.in_flight(0) == Approx(10).margin(1));
}

TEST_CASE("ewma gives a small weight its share while hardly anything is in flight") {
  Fleet fleet("ewma", {1, 33, 33, 33});
  for (const char target : {'a', 'b', 'c', 'd'}) answer(fleet, target, 10ms);
  const std::string picks = fleet.run(10'000);
  CHECK(std::ranges::count(picks, 'a') > 50);
  CHECK(std::ranges::count(picks, 'a') < 300);
}

TEST_CASE("ewma tries a new target, but only once until it has answered") {
  Fleet fleet("ewma", {1, 1});
  answer(fleet, 'a', 10ms);
  CHECK(fleet.start(5) == "baaaa");
  fleet.busy.front().report(Outcome::success, 1ms);
  fleet.end(0);
  CHECK(fleet.start(1) == "b");
}

TEST_CASE("ewma comes back to a target that was slow once") {
  Fleet fleet("ewma", {1, 1});
  answer(fleet, 'a', 500ms);
  for (int second = 0; second < 60; ++second) {
    fleet.clock.advance(1s);
    Lease lease = fleet.pick();
    if (lease.target().host == "a") {
      CHECK(second > 20);  // e^(-second / 10) of 500 ms is as much as 20 ms
      CHECK(second < 40);
      return;
    }
    lease.report(Outcome::success, 20ms);
  }
  FAIL("never");
}

TEST_CASE("a target that fails at once does not look fast to ewma") {
  Fleet fleet("ewma", {1, 1});
  answer(fleet, 'b', 20ms);
  for (int i = 0; i < 2; ++i) {
    Lease lease = fleet.pick();
    if (lease.target().host == "a") lease.report(Outcome::failure);
  }
  CHECK(share_of_a(fleet) == 0);
}

TEST_CASE("ewma passes over what is excluded") {
  Fleet fleet("ewma", {1, 1, 1});
  answer(fleet, 'a', 1ms);
  const TargetKey exclude[] = {fleet.pool.status()[0].key};
  for (int i = 0; i < 100; ++i) CHECK(fleet.pick({.exclude = exclude}).target().host != "a");
}

TEST_CASE("one of five targets is ten times slower: ewma sends it less than leastconn does") {
  const auto share_of_slow = [](std::string_view strategy) {
    Fleet fleet(strategy, std::vector<std::uint32_t>(5, 1));
    const std::vector<int> counts = test::closed_loop(fleet, 20, {100, 10, 10, 10, 10}, 30'000);
    return counts[0] / static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0));
  };
  const double by_ewma = share_of_slow("ewma");
  const double by_leastconn = share_of_slow("leastconn");
  CAPTURE(by_ewma, by_leastconn);
  CHECK(by_ewma < by_leastconn / 2);
  CHECK(by_ewma > 0);  // it is tried now and then
}
