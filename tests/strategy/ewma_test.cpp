#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

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
    return lease.answered(latency);
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
  fleet.busy.front().answered(1ms);
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
    lease.answered(20ms);
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

TEST_CASE("a target that answers with errors at once does not look fast to ewma") {
  Fleet fleet("ewma", {1, 1, 1});
  int to_a = 0;
  for (int i = 0; i < 6'000; ++i) {
    fleet.clock.advance(10ms);
    Lease lease = fleet.pick();
    const bool is_a = lease.target().host == "a";
    to_a += is_a ? 1 : 0;
    lease.answered(is_a ? 1ms : 20ms, is_a ? AnswerKind::error : AnswerKind::good);
  }
  CHECK(to_a < 60);
  CHECK(to_a > 0);
}

// One request every 20 ms, and clients that wait for a second.
TEST_CASE("a target that hangs does not look better to ewma the longer it hangs") {
  Fleet fleet("ewma", {1, 1, 1});
  for (const char host : {'a', 'b', 'c'}) answer(fleet, host, 5ms);
  std::deque<std::pair<TimePoint, Lease>> hanging;
  int to_a = 0;
  for (int i = 0; i < 3'000; ++i) {
    fleet.clock.advance(20ms);
    while (!hanging.empty() && hanging.front().first + 1s <= fleet.clock.now()) {
      hanging.front().second.gave_up(1s);
      hanging.pop_front();
    }
    Lease lease = fleet.pick();
    if (lease.target().host != "a") {
      lease.answered(5ms);
      continue;
    }
    ++to_a;
    hanging.emplace_back(fleet.clock.now(), std::move(lease));
  }
  CHECK(to_a < 30);
  CHECK(to_a > 0);
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
