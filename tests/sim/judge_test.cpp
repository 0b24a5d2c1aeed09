#include <catch2/catch.hpp>

#include "sim/fleets.hpp"

using namespace evenkeel;

TEST_CASE("each run is judged by what is expected of it") {
  const Scenario scenario = fleets::scenario(R"({
    'duration': '10s', 'strategies': ['first', 'roundrobin'],
    'targets': [{'name': 'web', 'count': 2, 'service': '10ms'}], 'load': {'rate': 100, 'arrivals': 'even'},
    'expect': ['share(web-0) of first == 100%', 'share(web-0) == 100%', 'share(web) == 100%', 'errors < 1%',
               'p99 of first <= p99 of roundrobin', 'requests of first > 2 * requests of roundrobin',
               'in flight max(web-1) of first == 0', 'mean < 5ms', 'p50 < 11ms between 2s and 3s',
               'requests < 120 between 2s and 3s']})");
  std::vector<SimRun> runs;
  for (const std::string& strategy : scenario.strategies) runs.push_back(simulate(scenario, strategy));
  std::vector<std::string> failing;
  for (const SimVerdict& verdict : judge(scenario, runs)) {
    if (!verdict.holds)
      failing.push_back(scenario.expectations[verdict.expectation].text + " / " + verdict.strategy);
  }
  CHECK(failing == std::vector<std::string>{"share(web-0) == 100% / roundrobin",
                                            "requests of first > 2 * requests of roundrobin / first",
                                            "mean < 5ms / first", "mean < 5ms / roundrobin"});
}
