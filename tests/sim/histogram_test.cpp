#include "sim/histogram.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel::sim;
using namespace std::chrono_literals;

TEST_CASE("quantiles are exact to 1 %, the largest and the mean exactly") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  for (int i = 1; i <= 1'000; ++i) histogram.add(i * 1ms);
  CHECK(histogram.count() == 1'000);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CHECK(histogram.quantile(share) >= share * 1'000 * 0.999);
    CHECK(histogram.quantile(share) <= share * 1'000 * 1.011);
  }
  CHECK(histogram.quantile(1) == 1'000);
  CHECK(histogram.mean() == Approx(500.5));
  CHECK(histogram.max() == 1'000);
  histogram.clear();
  CHECK(histogram.count() == 0);
  CHECK(histogram.max() == 0);
}

TEST_CASE("what is below and above all bins is counted") {
  Histogram histogram;
  histogram.add(10ns);
  histogram.add(3h);
  CHECK(histogram.count() == 2);
  CHECK(histogram.quantile(0.5) == Approx(1e-3));
  CHECK(histogram.quantile(0.9) == histogram.max());
}
