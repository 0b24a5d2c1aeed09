// What others have found and published, in shape.
#include <catch2/catch.hpp>

#include "sim/fleets.hpp"

using namespace evenkeel;

namespace {

double error_share(const SimRun& run) {
  return static_cast<double>(run.total.errors) / static_cast<double>(run.total.requests);
}

// Machines that are shared with others: some have half of their processors, some are interrupted for seconds.
std::string antagonists(int rate) {
  std::string events;
  for (int second = 2; second < 118; second += 12) {
    const std::string target = "web-" + std::to_string((second / 12 * 7) % 20);
    events += "{'at': '" + std::to_string(second) + "s', 'slow': '" + target + "', 'factor': 4},";
    events += "{'at': '" + std::to_string(second + 10) + "s', 'start': '" + target + "'},";
  }
  events.pop_back();
  return R"({'duration': '120s', 'warmup': '10s', 'port': {'timeouts': {'response': '5s', 'request': '5s'}, 'retries': {'attempts': 1}, 'outlier': false},
    'targets': [{'name': 'web', 'count': 20, 'concurrency': 4, 'queue': 10000, 'service': {'lognormal': {'median': '60ms', 'sigma': 0.7}}}],
    'load': {'rate': )" +
         std::to_string(rate) + "}, 'events': [" + events + "]}";
}

}  // namespace

// Wydrowski and others, "Load is not what you should balance: introducing Prequal", arXiv 2312.10172, section
// 5: above the load at which weighted round robin times out, its rule has no errors, and about half of the
// tail below.
TEST_CASE("Prequal's rule has no errors where round robin times out, and half its tail before") {
  const SimRun calm_rr = fleets::run(antagonists(650), "roundrobin");
  const SimRun calm = fleets::run(antagonists(650), "hotcold");
  CHECK(calm.total.p99 < 0.5 * calm_rr.total.p99);
  const SimRun busy_rr = fleets::run(antagonists(900), "roundrobin");
  const SimRun busy = fleets::run(antagonists(900), "hotcold");
  CHECK(error_share(busy_rr) > 0.01);
  CHECK(busy.total.errors == 0);
}

// Finagle's documentation of its balancers: least loaded sees a slow replica only by what waits there, peak
// EWMA by each answer.
TEST_CASE("peak EWMA avoids one slow replica, which least connections only eases") {
  constexpr std::string_view text = R"({'duration': '60s', 'warmup': '10s',
    'targets': [{'name': 'fast', 'count': 4, 'concurrency': 32, 'service': {'lognormal': {'median': '10ms', 'sigma': 0.3}}},
                {'name': 'slow', 'concurrency': 32, 'service': {'lognormal': {'median': '100ms', 'sigma': 0.3}}}], 'load': {'rate': 1000}})";
  const SimRun least = fleets::run(text, "leastconn");
  const SimRun ewma = fleets::run(text, "ewma");
  const SimRun plain = fleets::run(text, "roundrobin");
  CHECK(ewma.total.served[4] * 3 < least.total.served[4]);
  CHECK(least.total.served[4] * 3 < plain.total.served[4]);
  CHECK(ewma.total.p99 < 0.5 * least.total.p99);
}

// Mitzenmacher, "The power of two choices in randomized load balancing", 2001: the longest queue of n, all of
// them busy at rho, is log log n / log 2 + O(1) with two looks, and log n / log(1 / rho) with one.
TEST_CASE("two choices keep the longest queue short") {
  constexpr std::string_view text = R"({'duration': '12s', 'warmup': '2s', 'port': {'health': false},
    'targets': [{'name': 'web', 'count': 200, 'concurrency': 1, 'queue': 100000, 'service': {'exponential': '10ms'}}],
    'load': {'rate': 18000}})";
  const auto longest = [&](const std::string& strategy) {
    return std::ranges::max(fleets::run(text, strategy).total.in_flight);
  };
  // By chance alone they reach ln(200) / ln(1 / 0.9) = 50.
  CHECK(longest("p2c") <= 14);
  CHECK(longest("random") >= 40);
}
