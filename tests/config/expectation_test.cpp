#include "config/expectation.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace std::chrono_literals;
using config::parse_expectation;

namespace {

Expectation read(std::string_view text) {
  auto expected = parse_expectation(text, 5s, 60s);
  INFO(text);
  if (!expected) FAIL(expected.error());
  return *std::move(expected);
}

bool is_wrong(std::string_view text) {
  return !parse_expectation(text, 5s, 60s);
}

}  // namespace

TEST_CASE("a quantity, a relation and a value") {
  const Expectation p99 = read("p99 < 80ms");
  CHECK(p99.left == Quantity{.metric = Metric::latency, .quantile = 0.99});
  CHECK(p99.relation == Relation::less);
  CHECK(p99.value == 80);
  CHECK_FALSE(p99.right);
  CHECK(p99.from == 5s);
  CHECK(p99.to == 60s);
  CHECK(read("p99.9>=1.5s").left.quantile == Approx(0.999));
  CHECK(read("p99.9>=1.5s").value == 1'500);
  CHECK(read("max <= 250us").value == Approx(0.25));
  CHECK(read("errors == 0").left.metric == Metric::errors);
  CHECK(read("requests > 1000").value == 1'000);
}

TEST_CASE("a percentage of errors and retries is one of the requests") {
  CHECK(read("errors < 0.5%").left.metric == Metric::error_share);
  CHECK(read("errors < 0.5%").value == Approx(0.005));
  CHECK(read("retries <= 20%").left.metric == Metric::retry_share);
  CHECK(read("retries <= 20").left.metric == Metric::retries);
}

TEST_CASE("whose it is, and when") {
  const Expectation share = read("share(web-2) of ewma > 10% between 1m and 90s");
  CHECK(share.left == Quantity{.metric = Metric::share, .target = "web-2", .strategy = "ewma"});
  CHECK(share.from == 60s);
  CHECK(share.to == 90s);
  CHECK(read("in flight max < 20").left == Quantity{.metric = Metric::in_flight_max});
  CHECK(read("in flight max(web) of first < 20").left.target == "web");
  CHECK(read("moved clients < 12%").left.metric == Metric::moved);
}

TEST_CASE("a limit that is another quantity") {
  const Expectation half = read("p99 of ewma < 50% of p90 of leastconn");
  CHECK(half.value == 0.5);
  CHECK(half.right == Quantity{.metric = Metric::latency, .quantile = 0.9, .strategy = "leastconn"});
  CHECK(read("mean < 1.2 * mean of first").value == 1.2);
  CHECK(read("requests of p2c > requests of random").value == 1);
}

TEST_CASE("what is none says what would be right") {
  for (const char* const text : {"",
                                 "p99",
                                 "p99 80ms",
                                 "p99 < ",
                                 "p99 < 80",
                                 "p99 < 10%",
                                 "p0 < 1ms",
                                 "p100 < 1ms",
                                 "px < 1ms",
                                 "errors < 10ms",
                                 "share < 10%",
                                 "share(web < 10%",
                                 "share(web) < 10",
                                 "moved < 10%",
                                 "in flight < 3",
                                 "p99 < 80ms between 10s",
                                 "p99 < 80ms between 60s and 10s",
                                 "p99 < 80ms and more",
                                 "p99 < 2ms * p99",
                                 "p99 < 2 * errors",
                                 "p99 = 80ms",
                                 "p99 < -1ms",
                                 "latency < 1ms",
                                 "errors == nan"}) {
    INFO(text);
    CHECK(is_wrong(text));
  }
  CHECK(
      parse_expectation("p99 < 80", 5s, 60s).error().starts_with("a time, or another quantity of that kind"));
}
