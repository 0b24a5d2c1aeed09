#include "config/duration.hpp"

#include <catch2/catch.hpp>

#include "spec.hpp"

using evenkeel::config::parse_duration;

namespace {

std::int64_t ms(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? duration->count() : -1;
}

}  // namespace

TEST_CASE("a duration is a number and a unit") {
  CHECK(ms("500ms") == 500);
  CHECK(ms("5s") == 5'000);
  CHECK(ms("2m") == 120'000);
  CHECK(ms("1h") == 3'600'000);
  CHECK(ms("0s") == 0);
}

TEST_CASE("fractions are exact") {
  CHECK(ms("1.5s") == 1'500);
  CHECK(ms("0.3s") == 300);
  CHECK(ms("1.001s") == 1'001);
  CHECK(ms("0.5h") == 1'800'000);
}

TEST_CASE("what is finer than a millisecond is refused rather than rounded") {
  CHECK(parse_duration("1.5ms").error() == "a whole number of milliseconds");
  CHECK(parse_duration("1.0005s").error() == "a whole number of milliseconds");
}

TEST_CASE("units can be combined, the larger first") {
  CHECK(ms("1m30s") == 90'000);
  CHECK(ms("1h1m1s1ms") == 3'661'001);
  CHECK(ms("30s1m") == -1);
  CHECK(ms("1s1s") == -1);
}

TEST_CASE("a day is the longest") {
  CHECK(ms("24h") == 86'400'000);
  CHECK(parse_duration("24h1ms").error() == "at most 24 hours");
  CHECK(parse_duration("99999999h").error() == "at most 24 hours");
}

TEST_CASE("anything else is no duration") {
  for (const char* text : {"", "5", "s", "-5s", "+5s", " 5s", "5s ", "5 s", "5S", "5sec", "5d", ".5s", "5.s",
                           "5..5s", "1e3s", "0x10s", "5s5", "999999999h", "99999999999999999999h"}) {
    CAPTURE(text);
    CHECK(ms(text) == -1);
  }
}

TEST_CASE("a bare number is told that it needs a unit") {
  CHECK(spec::error(spec::port(R"("timeouts": {"idle": 5})")) ==
        "/timeouts/idle: is a number without a unit; expected a duration with a unit, such as \"5s\"");
  CHECK(spec::error(spec::port(R"("timeouts": {"idle": "5"})")) ==
        "/timeouts/idle: is \"5\"; expected a duration with a unit, such as \"5s\", \"250ms\" or \"1m30s\"");
}

TEST_CASE("zero makes sense only for slowStart and drainTimeout") {
  CHECK(spec::error(spec::port(R"("health": {"interval": "0s"})")) ==
        "/health/interval: is \"0s\"; expected a duration longer than zero");
  CHECK(spec::only_port(spec::port(R"("slowStart": "0s")")).pool.slow_start == std::chrono::seconds(0));
  CHECK(spec::config(spec::levels(R"("drainTimeout": "0s")", "", "")).drain_timeout ==
        std::chrono::seconds(0));
}
