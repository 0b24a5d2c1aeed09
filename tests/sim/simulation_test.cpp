#include <algorithm>
#include <span>

#include <catch2/catch.hpp>

#include "sim/fleets.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using fleets::run;

TEST_CASE("a quiet fleet answers everything in its own time") {
  const SimRun quiet = run(R"({'duration': '10s', 'targets': [{'name': 'web', 'count': 4, 'service': '10ms'}],
                               'load': {'rate': 100, 'arrivals': 'even'}})");
  CHECK(quiet.total.requests == Approx(1'000).margin(2));
  CHECK(quiet.total.errors == 0);
  CHECK(quiet.total.retries == 0);
  CHECK(quiet.total.max == Approx(10));
  for (const std::uint64_t served : quiet.total.served) CHECK(served == Approx(250).margin(1));
  CHECK(quiet.moments.size() == 10);
}

TEST_CASE("the same seed gives the same numbers, another one others") {
  constexpr std::string_view text = R"({'seed': 5, 'duration': '20s', 'workers': 2,
    'targets': [{'name': 'web', 'count': 3, 'service': {'exponential': '10ms'}}], 'load': {'rate': 300},
    'events': [{'at': '5s', 'kill': 'web-1'}, {'at': '9s', 'start': 'web-1'}]})";
  const SimRun first = run(text, "ewma");
  const SimRun again = run(text, "ewma");
  CHECK(first.total.served == again.total.served);
  CHECK(first.total.mean == again.total.mean);
  CHECK(first.moments.back().p99 == again.moments.back().p99);
  Scenario other = fleets::scenario(text);
  other.seed = 6;
  CHECK(simulate(other, "ewma").total.mean != first.total.mean);
}

TEST_CASE("queueing is that of M/M/1") {
  // The mean time in such a queue is s / (1 - rho): 10 ms at 80 % is 50 ms.
  const SimRun queue = run(R"({'duration': '600s', 'warmup': '10s',
    'targets': [{'name': 'a', 'concurrency': 1, 'queue': 100000, 'service': {'exponential': '10ms'}}], 'load': {'rate': 80}})");
  CHECK(queue.total.mean == Approx(50).epsilon(0.1));
}

TEST_CASE("a target that is killed: what it had is sent again, its checks take it out, and it comes back") {
  const SimRun killed =
      run(R"({'duration': '60s', 'port': {'health': {'interval': '1s', 'timeout': '500ms', 'fall': 2}},
    'targets': [{'name': 'web', 'count': 3, 'service': '20ms'}], 'load': {'rate': 300},
    'events': [{'at': '20s', 'kill': 'web-1'}, {'at': '40s', 'start': 'web-1'}],
    'expect': ['share(web-1) == 0% between 20s and 40s', 'share(web-1) > 30% between 45s and 60s']})");
  CHECK(killed.total.errors == 0);
  CHECK(killed.total.retries > 0);
  CHECK(killed.expectations[0].served[1] == 0);
  CHECK(killed.expectations[1].served[1] > 0);
  std::vector<Health> seen;
  for (const SimHealthChange& change : killed.health) {
    if (change.target == 1) seen.push_back(change.to);
  }
  CHECK(seen.front() == Health::up);
  CHECK(std::ranges::count(seen, Health::down) + std::ranges::count(seen, Health::ejected) >= 1);
  CHECK(seen.back() == Health::up);
}

TEST_CASE("one that hangs costs its requests their time-out") {
  const SimRun hung = run(R"({'duration': '30s',
    'port': {'health': {'type': 'http', 'interval': '1s', 'timeout': '500ms', 'fall': 1}, 'timeouts': {'response': '2s'}},
    'targets': [{'name': 'web', 'count': 2, 'service': '5ms'}], 'load': {'rate': 50},
    'events': [{'at': '10s', 'hang': 'web-0'}, {'at': '20s', 'start': 'web-0'}]})");
  CHECK(hung.total.errors == 0);
  CHECK(hung.total.max >= 2'000);
  CHECK(hung.total.max < 2'100);
  CHECK(hung.total.p50 < 6);
}

TEST_CASE("a check that only connects does not see that a target hangs; requests do") {
  const SimRun hung = run(
      R"({'duration': '30s', 'port': {'health': {'type': 'tcp', 'interval': '1s'}, 'timeouts': {'response': '1s'}},
    'targets': [{'name': 'web', 'count': 2, 'service': '5ms'}], 'load': {'rate': 50}, 'events': [{'at': '10s', 'hang': 'web-0'}]})");
  CHECK(hung.total.ejections > 0);
  CHECK(std::ranges::none_of(hung.health,
                             [](const SimHealthChange& change) { return change.to == Health::down; }));
}

TEST_CASE("without a target there is an error, and no crash") {
  const SimRun gone =
      run(R"({'duration': '10s', 'targets': [{'name': 'web', 'count': 2}], 'load': {'rate': 50},
    'events': [{'at': '5s', 'remove': 'web'}]})");
  CHECK(gone.total.errors == Approx(250).margin(60));
}

TEST_CASE("a status of 500 is an error for the client, and not tried again") {
  const SimRun failing = run(
      R"({'duration': '10s', 'targets': [{'name': 'web', 'count': 2}], 'load': {'rate': 100, 'arrivals': 'even'},
    'events': [{'at': '0s', 'fail': 'web-0', 'percent': 100}]})");
  CHECK(failing.total.retries == 0);
  CHECK(failing.total.errors == Approx(500).margin(5));
  CHECK(failing.total.ejections == 0);
}

TEST_CASE("resets eject a target, and the budget bounds what is sent again") {
  const SimRun resets =
      run(R"({'duration': '20s', 'port': {'health': false}, 'targets': [{'name': 'web', 'count': 4}],
    'load': {'rate': 200}, 'events': [{'at': '5s', 'reset': 'web-0', 'percent': 100}]})");
  CHECK(resets.total.ejections == 1);
  CHECK(resets.total.errors == 0);
  const SimRun storm = run(
      R"({'duration': '20s', 'port': {'health': false, 'outlier': false, 'retries': {'budgetPercent': 10, 'budgetMinPerSecond': 0}},
    'targets': [{'name': 'web', 'count': 4}], 'load': {'rate': 200}, 'events': [{'at': '0s', 'reset': 'web', 'percent': 100}]})");
  CHECK(storm.total.errors == storm.total.requests);
  CHECK(storm.total.retries <= storm.total.requests / 10 + 1);
}

TEST_CASE("what a client has given up is worked on all the same") {
  // One request a second that takes 3 s, and a client that waits 1 s: the target is behind for good.
  const SimRun behind = run(
      R"({'duration': '60s', 'port': {'health': false, 'outlier': false, 'timeouts': {'response': '1s'}, 'retries': {'attempts': 1}},
    'targets': [{'name': 'a', 'concurrency': 1, 'service': '3s'}], 'load': {'rate': 1, 'arrivals': 'even'},
    'events': [{'at': '30s', 'slow': 'a', 'factor': 0.01}], 'expect': ['errors > 0 between 31s and 59s']})");
  CHECK(behind.total.errors >= 30);
}

TEST_CASE("tcp: a connection that was made is not made again, and a client waits five seconds") {
  const SimRun ended = run(
      R"({'protocol': 'tcp', 'duration': '40s', 'port': {'health': false, 'outlier': false},
    'targets': [{'name': 'db', 'count': 2, 'service': '10ms'}], 'load': {'rate': 100},
    'events': [{'at': '10s', 'kill': 'db-0'}, {'at': '15s', 'start': 'db-0'}, {'at': '16s', 'reset': 'db-0', 'percent': 100},
               {'at': '20s', 'start': 'db-0'}, {'at': '21s', 'hang': 'db-0'}],
    'expect': ['errors == 0 between 10100ms and 15s', 'errors < 60% between 16s and 20s', 'max <= 5s between 21s and 30s']})");
  CHECK(ended.expectations[0].errors == 0);
  CHECK(ended.expectations[0].retries > 200);
  CHECK(ended.expectations[1].errors == Approx(200).margin(40));
  CHECK(ended.expectations[1].retries == 0);
  CHECK(ended.expectations[2].max == Approx(5'000).epsilon(0.01));
  CHECK(ended.expectations[2].errors > 300);
}

TEST_CASE("udp: what is lost is lost, and nobody tells the client") {
  const SimRun ended = run(
      R"({'protocol': 'udp', 'duration': '40s', 'port': {'health': false, 'outlier': false},
    'targets': [{'name': 'dns', 'count': 2, 'service': '10ms'}], 'load': {'rate': 100},
    'events': [{'at': '10s', 'kill': 'dns-0'}, {'at': '20s', 'start': 'dns-0'}, {'at': '20s', 'hang': 'dns-0'}],
    'expect': ['errors > 0 between 11s and 19s', 'max <= 5s between 20s and 30s']})");
  CHECK(ended.expectations[0].errors == Approx(400).margin(60));
  CHECK(ended.expectations[0].retries == 0);
  CHECK(ended.expectations[0].max == Approx(5'000).epsilon(0.01));
  CHECK(ended.expectations[1].max == Approx(5'000).epsilon(0.01));
}

TEST_CASE("what nobody has answered by the end has waited all the same, and of nothing nothing holds") {
  const Scenario scenario = fleets::scenario(
      R"({'duration': '20s', 'port': {'health': false, 'outlier': false}, 'strategies': ['roundrobin'],
    'targets': [{'name': 'web', 'count': 2, 'service': '10ms'}], 'load': {'rate': 100, 'arrivals': 'even'},
    'events': [{'at': '10s', 'hang': 'web'}], 'expect': ['p99 < 100ms', 'requests >= 1990', 'share(web-0) < 60% between 11s and 20s']})");
  const SimRun ended = simulate(scenario, "roundrobin");
  CHECK(ended.total.max == Approx(10'000).epsilon(0.01));
  const auto verdicts = judge(scenario, std::span(&ended, 1));
  CHECK_FALSE(verdicts[0].holds);
  CHECK(verdicts[1].holds);
  CHECK(verdicts[2].is_of_nothing);  // share: of no answer
  const Scenario nothing = fleets::scenario(
      R"({'duration': '2s', 'strategies': ['roundrobin'], 'targets': [{'name': 'a', 'service': '1ms'}],
    'load': {'rate': [['0s', 0], ['2s', 1]]}, 'expect': ['errors == 0 between 0s and 1ms', 'p99 < 1s between 0s and 1ms',
    'retries < 1% between 0s and 1ms', 'moved clients < 1% between 0s and 1ms', 'requests > 2 * errors between 0s and 1ms']})");
  const SimRun none = simulate(nothing, "roundrobin");
  for (const SimVerdict& verdict : judge(nothing, std::span(&none, 1))) {
    CHECK_FALSE(verdict.holds);
    CHECK(verdict.is_of_nothing);
  }
}

TEST_CASE("a reload changes the strategy when it names one, and its options hold") {
  const SimRun ended = run(
      R"({'duration': '40s', 'port': {'loadbalance': 'first', 'health': false, 'outlier': false},
    'targets': [{'name': 'web', 'count': 2, 'service': '1ms'}], 'load': {'rate': 100},
    'events': [{'at': '10s', 'reload': {'slowStart': '1s', 'health': false, 'outlier': false}},
               {'at': '20s', 'reload': {'loadbalance': 'roundrobin', 'health': false, 'outlier': false}},
               {'at': '30s', 'reload': {'loadbalance': 'first', 'health': false, 'outlier': false, 'timeouts': {'response': '200ms'}}},
               {'at': '30s', 'hang': 'web'}],
    'expect': ['share(web-1) == 0% between 0s and 20s', 'share(web-1) == 50% between 20s and 29s', 'max < 1s between 30s and 39s']})",
      "first");
  CHECK(ended.expectations[0].served[1] == 0);
  CHECK(ended.expectations[1].served[1] == Approx(450).margin(50));
  CHECK(ended.expectations[2].max < 1'000);
  CHECK(ended.expectations[2].errors > 500);
}

TEST_CASE("operators: drain, enable, weight, add") {
  const SimRun ordered =
      run(R"({'duration': '50s', 'targets': [{'name': 'web', 'count': 2}, {'name': 'new', 'present': false}],
    'load': {'rate': 100}, 'events': [{'at': '10s', 'drain': 'web-0'}, {'at': '20s', 'enable': 'web-0'},
      {'at': '20s', 'weight': 'web-0', 'to': 3}, {'at': '30s', 'add': 'new'}, {'at': '40s', 'remove': 'web-1'}],
    'expect': ['share(web-0) == 0% between 10s and 20s', 'share(web-0) > 70% between 21s and 30s',
               'share(new) > 15% between 31s and 40s', 'share(web-1) == 0% between 40s and 50s']})");
  CHECK(ordered.total.errors == 0);
  CHECK(ordered.expectations[0].served[0] == 0);
  const SimTally& weighted = ordered.expectations[1];
  CHECK(weighted.served[0] == Approx(3.0 * static_cast<double>(weighted.served[1])).epsilon(0.05));
  CHECK(ordered.expectations[2].served[2] > 0);
  CHECK(ordered.expectations[3].served[1] == 0);
}

TEST_CASE("a reload brings another strategy and other options") {
  const SimRun reloaded =
      run(R"({'duration': '20s', 'targets': [{'name': 'web', 'count': 2}], 'load': {'rate': 100},
    'events': [{'at': '10s', 'reload': {'loadbalance': 'first'}}],
    'expect': ['share(web-1) > 45% between 0s and 10s', 'share(web-1) == 0% between 11s and 20s']})");
  CHECK(reloaded.total.errors == 0);
  CHECK(reloaded.expectations[0].served[1] > 400);
  CHECK(reloaded.expectations[1].served[1] == 0);
}

TEST_CASE("clients that wait ask only when they were answered") {
  const SimRun closed = run(R"({'duration': '10s', 'targets': [{'name': 'a', 'service': '10ms'}],
                                'load': {'clients': 4, 'think': '0s'}})");
  // 4 clients, each 100 a second.
  CHECK(closed.total.requests == Approx(4'000).epsilon(0.05));
  CHECK(closed.total.in_flight[0] <= 4);
}

TEST_CASE("a cookie keeps a client on its target") {
  const SimRun sticky = run(
      R"({'duration': '20s', 'port': {'sticky': {'cookie': 'at'}}, 'targets': [{'name': 'web', 'count': 4}],
    'load': {'rate': 500, 'keys': 50}, 'expect': ['moved clients == 0% between 10s and 20s']})");
  CHECK(sticky.expectations[0].moved == 0);

  // Under another name nobody sends it any more: three of four clients find another target.
  const SimRun renamed = run(
      R"({'duration': '20s', 'port': {'sticky': {'cookie': 'at'}}, 'targets': [{'name': 'web', 'count': 4}],
    'load': {'rate': 500, 'keys': 200}, 'events': [{'at': '10s', 'reload': {'sticky': {'cookie': 'in'}}}],
    'expect': ['moved clients > 60% between 10s and 20s']})");
  CHECK(renamed.expectations[0].moved == Approx(0.75).margin(0.15));
}
