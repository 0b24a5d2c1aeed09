#include "evenkeel/port_metrics.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using Catch::Detail::Approx;

namespace {

constexpr std::uint64_t ms = 1'000'000;

constexpr Error failed{ErrorCode::connect_failed, Fault::target, false, 0};

}  // namespace

TEST_CASE("what ends is counted by target and by the class of its status") {
  PortMetrics metrics;
  const auto observer = metrics.observer(0);
  observer->done({.target = 1, .status = 200, .bytes_in = 3, .bytes_out = 5, .duration_ns = ms});
  observer->done({.target = 1, .status = 404, .retries = 2, .duration_ns = ms});
  observer->done({.target = 2, .status = 503, .duration_ns = ms, .error = &failed});
  observer->done({.target = 2, .duration_ns = ms, .error = &failed});
  auto seen = metrics.by_target({1, 2});
  CHECK(seen[1].by_class[2] == 1);
  CHECK(seen[1].by_class[4] == 1);
  CHECK(seen[1].retries == 2);
  CHECK(seen[1].bytes_in == 3);
  CHECK(seen[1].bytes_out == 5);
  CHECK(seen[2].by_class[5] == 1);
  CHECK(seen[2].by_class[0] == 1);
  CHECK(seen[2].errors == 2);
  CHECK(metrics.total().count() == 4);
}

TEST_CASE("connections, which have no status, have failed or not") {
  PortMetrics metrics;
  metrics.observer(0)->done({.target = 1, .duration_ns = ms});
  metrics.observer(0)->done({.target = 1, .duration_ns = ms, .error = &failed});
  CHECK(metrics.total().by_class[2] == 1);
  CHECK(metrics.total().by_class[0] == 1);
}

TEST_CASE("what loops have seen adds up") {
  PortMetrics metrics;
  for (std::size_t loop = 0; loop < 3; ++loop) {
    CHECK(metrics.observer(loop) == metrics.observer(loop));
    metrics.observer(loop)->done({.target = 7, .status = 200, .duration_ns = 2 * ms});
  }
  const WorkTotals seen = metrics.by_target({7})[7];
  CHECK(seen.by_class[2] == 3);
  CHECK(seen.latency.count == 3);
  CHECK(seen.latency.sum_s == Approx(0.006));
}

TEST_CASE("a target that is gone is forgotten, but for its part in the whole") {
  PortMetrics metrics;
  metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = ms});
  metrics.observer(0)->done({.target = 2, .status = 200, .duration_ns = ms});
  CHECK(metrics.by_target({2}).size() == 1);
  CHECK(metrics.by_target({1, 2}).count(1) == 0);
  CHECK(metrics.total().by_class[2] == 2);
}

TEST_CASE("the whole has the latencies of those that were forgotten") {
  PortMetrics metrics;
  metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = 2 * ms});
  metrics.observer(0)->done({.target = 2, .status = 200, .duration_ns = 2 * ms});
  metrics.forget_all_but({2});
  metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = 2 * ms});
  metrics.forget_all_but({});
  const LatencyHistogram latency = metrics.total().latency;
  CHECK(latency.count == 3);
  CHECK(latency.sum_s == Approx(0.006));
  CHECK(latency.buckets.size() == latency_bounds().size() + 1);
  CHECK(metrics.by_target({}).empty());
}

TEST_CASE("a quantile lies in the bucket that holds it") {
  PortMetrics metrics;
  for (int i = 0; i < 98; ++i) metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = 2 * ms});
  for (int i = 0; i < 2; ++i)
    metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = 700 * ms});
  const LatencyHistogram latency = metrics.total().latency;
  const double median = latency.quantile(0.5)->count();
  CHECK(median > 0.001);
  CHECK(median <= 0.0025);
  const double tail = latency.quantile(0.99)->count();
  CHECK(tail > 0.5);
  CHECK(tail <= 1.0);
  CHECK_FALSE(LatencyHistogram{}.quantile(0.5));
}

TEST_CASE("of what took longer than any bound no more is said") {
  PortMetrics metrics;
  metrics.observer(0)->done({.target = 1, .status = 200, .duration_ns = 90'000 * ms});
  CHECK(metrics.total().latency.quantile(0.5)->count() == latency_bounds().back());
}
