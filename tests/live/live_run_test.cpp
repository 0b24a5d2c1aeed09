#include "evenkeel/live_run.hpp"

#include <csignal>
#include <optional>

#include <catch2/catch.hpp>
#include <uv.h>

#include "sim/fleets.hpp"

using namespace evenkeel;

namespace {

SimRun live(std::string_view text, const std::string& strategy = "roundrobin") {
  std::signal(SIGPIPE, SIG_IGN);
  const Scenario scenario = fleets::scenario(text);
  uv_loop_t loop{};
  REQUIRE(uv_loop_init(&loop) == 0);
  std::optional<SimRun> ended;
  {
    LogSink silent;
    LiveRun run(&loop, scenario, strategy, silent,
                [&](Result<SimRun> result) { ended = std::move(result).value(); });
    REQUIRE(run.start());
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
  REQUIRE(ended);
  return *std::move(ended);
}

}  // namespace

TEST_CASE("real requests reach real targets, each its share") {
  const SimRun run = live(R"({'duration': '1s', 'targets': [{'name': 'web', 'count': 4, 'service': '1ms'}],
                              'load': {'rate': 200, 'arrivals': 'even'}})");
  CHECK(run.total.errors == 0);
  CHECK(run.total.requests > 150);
  for (const std::uint64_t served : run.total.served) CHECK(served == Approx(50).margin(12));
  CHECK(run.total.p50 >= 1);
}

TEST_CASE("a target that is killed costs no request, and another one joins") {
  const SimRun run = live(
      R"({'duration': '2s', 'port': {'health': {'interval': '100ms', 'timeout': '100ms', 'fall': 1, 'rise': 1}},
    'targets': [{'name': 'web', 'count': 2, 'service': '2ms'}, {'name': 'new', 'present': false, 'service': '2ms'}],
    'load': {'rate': 200}, 'events': [{'at': '500ms', 'kill': 'web-0'}, {'at': '1s', 'add': 'new'}],
    'expect': ['share(web-0) == 0% between 1s and 2s', 'share(new) > 5% between 1s and 2s']})");
  CHECK(run.total.errors == 0);
  CHECK(run.total.retries > 0);
  CHECK(run.expectations[0].served[0] == 0);
  CHECK(run.expectations[1].served[2] > 0);
}

TEST_CASE("clients that wait, a client's own address, and a cookie") {
  CHECK(live(R"({'duration': '500ms', 'targets': [{'name': 'a', 'service': '5ms'}], 'load': {'clients': 3}})")
            .total.in_flight[0] <= 3);
  const SimRun hash = live(R"({'duration': '1s', 'targets': [{'name': 'web', 'count': 3, 'service': '1ms'}],
    'load': {'rate': 200, 'keys': 20}, 'expect': ['moved clients == 0% between 500ms and 1s']})",
                           "hash");
  CHECK(hash.expectations[0].moved == 0);
  CHECK(hash.total.served[0] > 0);
  const SimRun sticky = live(
      R"({'duration': '1s', 'port': {'sticky': {'cookie': 'at'}}, 'targets': [{'name': 'web', 'count': 3, 'service': '1ms'}],
    'load': {'rate': 200, 'keys': 20}, 'expect': ['moved clients == 0% between 500ms and 1s']})");
  CHECK(sticky.expectations[0].moved == 0);
}

TEST_CASE("resets, 500s and hanging are what the proxy makes of them") {
  const SimRun run = live(
      R"({'duration': '2s', 'port': {'health': false, 'outlier': false, 'timeouts': {'response': '200ms'}},
    'targets': [{'name': 'web', 'count': 3, 'service': '1ms'}], 'load': {'rate': 100},
    'events': [{'at': '200ms', 'reset': 'web-0', 'percent': 100}, {'at': '700ms', 'start': 'web-0'},
               {'at': '800ms', 'fail': 'web-1', 'percent': 100}, {'at': '1200ms', 'start': 'web-1'}, {'at': '1300ms', 'hang': 'web-2'}],
    'expect': ['errors == 0 between 200ms and 700ms', 'errors > 0 between 800ms and 1200ms', 'max > 200ms between 1300ms and 1500ms']})");
  CHECK(run.expectations[0].errors == 0);
  CHECK(run.expectations[0].retries > 0);
  CHECK(run.expectations[1].errors > 0);
  CHECK(run.expectations[2].max > 200);
}

TEST_CASE("tcp: a connection for each request, and one that cannot be made goes elsewhere") {
  const SimRun run = live(
      R"({'protocol': 'tcp', 'duration': '2s', 'port': {'health': {'interval': '100ms', 'timeout': '100ms', 'fall': 2, 'rise': 1}},
    'targets': [{'name': 'db', 'count': 3, 'service': '2ms'}], 'load': {'rate': 200},
    'events': [{'at': '500ms', 'kill': 'db-0'}, {'at': '1s', 'start': 'db-0'}, {'at': '1500ms', 'fail': 'db-1', 'percent': 100}],
    'expect': ['errors == 0 between 600ms and 1500ms', 'share(db-0) == 0% between 600ms and 900ms', 'errors > 0 between 1500ms and 2s']})");
  CHECK(run.total.requests > 300);
  CHECK(run.expectations[0].errors == 0);
  CHECK(run.expectations[1].served[0] == 0);
  CHECK(run.expectations[2].errors > 0);
  CHECK(run.total.retries > 0);
}

TEST_CASE("udp: each client has an address, and hash keeps it on its target") {
  const SimRun run = live(
      R"({'protocol': 'udp', 'duration': '1500ms', 'port': {'health': {'interval': '100ms', 'timeout': '100ms', 'fall': 1, 'rise': 1}},
    'targets': [{'name': 'dns', 'count': 4, 'service': '1ms'}], 'load': {'rate': 400, 'keys': 40},
    'events': [{'at': '1s', 'remove': 'dns-3'}],
    'expect': ['moved clients == 0% between 400ms and 1s', 'moved clients < 50% between 1s and 1500ms']})",
      "hash");
  CHECK(run.total.errors == 0);
  CHECK(run.expectations[0].moved == 0);
  CHECK(run.expectations[1].moved > 0);
  for (const std::uint64_t served : run.total.served) CHECK(served > 0);
}

TEST_CASE("a reload costs no request, and what it says holds from then on") {
  const std::string protocol = GENERATE("http", "tcp", "udp");
  CAPTURE(protocol);
  const SimRun run = live("{'protocol': '" + protocol + R"(', 'duration': '2s',
    'targets': [{'name': 'web', 'count': 3, 'service': '1ms'}], 'load': {'rate': 200, 'keys': 300},
    'events': [{'at': '1s', 'reload': {'loadbalance': 'first'}}],
    'expect': ['share(web-1) > 20% between 0s and 1s', 'share(web-0) == 100% between 1050ms and 2s']})");
  CHECK(run.total.errors == 0);
  CHECK(run.expectations[0].served[1] > 30);
  CHECK(run.expectations[1].served[1] == 0);
  CHECK(run.expectations[1].served[0] > 150);
}
