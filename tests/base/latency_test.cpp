#include "evenkeel/latency.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace std::chrono_literals;

namespace {

const TimePoint start{1h};

}  // namespace

TEST_CASE("a latency average is 0 until something was measured, and then that") {
  LatencyAverage average;
  CHECK(average.at(start) == 0);
  average.observe(800us, start);
  CHECK(average.at(start) == 800);
}

TEST_CASE("a latency average rises at once") {
  LatencyAverage average;
  average.observe(1ms, start);
  average.observe(70ms, start);
  CHECK(average.at(start) == 70'000);
}

TEST_CASE("a latency average falls by the time between samples") {
  LatencyAverage average;
  average.observe(100ms, start);
  average.observe(20ms, start + 5s);
  CHECK(average.at(start + 5s) == Approx(100'000 * std::exp(-0.5) + 20'000 * (1 - std::exp(-0.5))));
}

TEST_CASE("many samples make a latency average of the same height as few") {
  const auto after_a_second = [](std::chrono::milliseconds between) {
    LatencyAverage average;
    average.observe(100ms, start);
    for (auto t = between; t <= 1s; t += between) average.observe(20ms, start + t);
    return average.at(start + 1s);
  };
  CHECK(after_a_second(1ms) == Approx(after_a_second(250ms)).epsilon(1e-4));
}

TEST_CASE("a latency average fades while nothing is measured") {
  LatencyAverage average;
  average.observe(100ms, start);
  CHECK(average.at(start + 1ms) == Approx(100'000 * std::exp(-0.0001)));
  CHECK(average.at(start + 499ms) == Approx(100'000 * std::exp(-0.0499)));
  CHECK(average.at(start + 10s) == Approx(100'000 * std::exp(-1.0)));
  CHECK(average.at(start + 1h) == Approx(0).margin(1e-6));
  CHECK(average.at(start + 24h * 40) == 0);
}

TEST_CASE("a latency average fades slower while something waits") {
  LatencyAverage average;
  average.observe(100ms, start);
  CHECK(average.at(start + 8s, true) == Approx(average.at(start + 1s, false)));
}

TEST_CASE("a sample that is blended in is no peak") {
  LatencyAverage average;
  average.observe(10ms, start);
  average.blend(1s, start + 100ms);
  CHECK(average.at(start + 100ms) == Approx(10'000 * std::exp(-0.01) + 1'000'000 * (1 - std::exp(-0.01))));
  LatencyAverage unknown;
  unknown.blend(1s, TimePoint(100ms));  // of a clock that has just begun
  CHECK(unknown.at(TimePoint(100ms)) == Approx(1'000'000));
}

TEST_CASE("a bound raises a latency average, and never lowers it") {
  LatencyAverage average;
  average.observe(10ms, start);
  average.at_least(5ms, start);
  CHECK(average.at(start) == 10'000);
  average.at_least(30ms, start);
  CHECK(average.at(start) == 30'000);
  average.at_least(20ms, start + 10s);  // 30 ms have faded to 11, or to 26 for who is busy
  CHECK(average.at(start + 10s) == Approx(30'000 * std::exp(-0.125)));
}

TEST_CASE("a clock that is behind another loop's makes nothing old") {
  LatencyAverage average;
  average.observe(100ms, start);
  CHECK(average.at(start - 5s) == 100'000);
  average.observe(50ms, start - 5s);
  CHECK(average.at(start - 5s) == 100'000);
}

TEST_CASE("a latency average holds what no answer will take") {
  LatencyAverage average;
  average.observe(std::chrono::hours(24 * 365), start);
  CHECK(average.at(start) == Approx(3.1536e13));
  average.observe(1us, start + 1h);
  CHECK(average.at(start + 1h) == Approx(1).margin(1e-3));
}
