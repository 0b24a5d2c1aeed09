#include "health/check_schedule.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using evenkeel::TargetKey;
using evenkeel::TimePoint;
using evenkeel::base::Random;
using evenkeel::health::CheckSchedule;
using evenkeel::health::ScheduleOptions;

namespace {

constexpr TimePoint start{1'000s};

std::vector<TargetKey> take_all(CheckSchedule& schedule, TimePoint now) {
  std::vector<TargetKey> taken;
  while (const auto key = schedule.take_due(now)) taken.push_back(*key);
  return taken;
}

}  // namespace

TEST_CASE("first checks are due at once and in order") {
  Random random{1};
  CheckSchedule schedule({5s, 10, 100}, random);
  CHECK_FALSE(schedule.next_due());
  for (TargetKey key = 1; key <= 5; ++key) schedule.add(key, start);
  CHECK(schedule.next_due() == start);
  CHECK(schedule.take_due(start) == TargetKey{1});
  CHECK(take_all(schedule, start + 50ms) == std::vector<TargetKey>{2, 3, 4, 5});
  CHECK(schedule.under_way() == 5);
  CHECK_FALSE(schedule.next_due());
}

TEST_CASE("a first round of any size is spread over no more than 50 ms") {
  Random random{1};
  CheckSchedule schedule({5s, 10, 100'000}, random);
  for (TargetKey key = 0; key < 10'000; ++key) schedule.add(key, start);
  const auto taken = take_all(schedule, start + CheckSchedule::first_spread);
  REQUIRE(taken.size() == 10'000);
  CHECK(std::ranges::is_sorted(taken));
}

TEST_CASE("without jitter the first round is not spread") {
  Random random{1};
  CheckSchedule schedule({5s, 0, 100}, random);
  for (TargetKey key = 0; key < 10; ++key) schedule.add(key, start);
  CHECK(take_all(schedule, start).size() == 10);
}

TEST_CASE("no more than the cap is under way; the others wait their turn") {
  Random random{1};
  CheckSchedule schedule({5s, 0, 2}, random);
  for (TargetKey key = 1; key <= 5; ++key) schedule.add(key, start);
  CHECK(take_all(schedule, start) == std::vector<TargetKey>{1, 2});
  CHECK_FALSE(schedule.next_due());
  schedule.finished(2, start + 1ms);
  CHECK(schedule.next_due() == start);
  CHECK(take_all(schedule, start + 1ms) == std::vector<TargetKey>{3});
  schedule.finished(1, start + 2ms);
  schedule.finished(3, start + 2ms);
  CHECK(take_all(schedule, start + 2ms) == std::vector<TargetKey>{4, 5});
}

TEST_CASE("a target that always waits is not starved by those that come round again") {
  Random random{1};
  CheckSchedule schedule({1ms, 0, 1}, random);
  std::vector<int> checks(4);
  for (TargetKey key = 0; key < 4; ++key) schedule.add(key, start);
  TimePoint now = start;
  for (int i = 0; i < 400; ++i) {
    const auto key = schedule.take_due(now);
    REQUIRE(key);
    ++checks[*key];
    now += 10ms;  // each check takes ten intervals
    schedule.finished(*key, now);
    now += 1ms;
  }
  CHECK(checks == std::vector<int>{100, 100, 100, 100});
}

TEST_CASE("waits are drawn from the interval and its jitter") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  Random random{seed};
  CheckSchedule schedule({1s, 20, 1}, random);
  schedule.add(1, start);
  TimePoint now = start;
  auto shortest = 10s + 0ns;
  auto longest = 0ns;
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(schedule.take_due(now));
    schedule.finished(1, now);
    const auto wait = schedule.next_due().value() - now;
    shortest = std::min<std::chrono::nanoseconds>(shortest, wait);
    longest = std::max<std::chrono::nanoseconds>(longest, wait);
    CHECK_FALSE(schedule.take_due(now + wait - 1ns));
    now += wait;
  }
  CHECK(shortest >= 800ms);
  CHECK(shortest < 810ms);
  CHECK(longest <= 1'200ms);
  CHECK(longest > 1'190ms);
}

TEST_CASE("even full jitter leaves a pause") {
  Random random{5};
  CheckSchedule schedule({1s, 500, 1}, random);
  schedule.add(1, start);
  TimePoint now = start;
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(schedule.take_due(now));
    schedule.finished(1, now);
    const auto wait = schedule.next_due().value() - now;
    REQUIRE(wait >= 50ms);
    REQUIRE(wait <= 2s);
    now += wait;
  }
}

TEST_CASE("targets that start together drift apart") {
  Random random{9};
  CheckSchedule schedule({1s, 10, 100}, random);
  for (TargetKey key = 0; key < 50; ++key) schedule.add(key, start);
  for (const TargetKey key : take_all(schedule, start + 50ms)) schedule.finished(key, start + 50ms);
  CHECK(take_all(schedule, start + 50ms + 900ms).size() < 5);
  CHECK(take_all(schedule, start + 50ms + 1'000ms).size() < 40);
}

TEST_CASE("targets leave while they wait and while they are checked") {
  Random random{1};
  CheckSchedule schedule({1s, 0, 1}, random);
  schedule.add(1, start);
  schedule.add(2, start);
  schedule.add(3, start);
  REQUIRE(schedule.take_due(start) == TargetKey{1});
  schedule.remove(2);
  CHECK_FALSE(schedule.contains(2));
  schedule.remove(1);  // frees the place of its check
  CHECK(schedule.take_due(start) == TargetKey{3});
  schedule.finished(1, start);  // the answer of a check nobody asks for any more
  CHECK(schedule.size() == 1);
  schedule.remove(99);
}

TEST_CASE("a target that returns while its old check is under way is checked once, at once") {
  Random random{1};
  CheckSchedule schedule({1s, 0, 4}, random);
  schedule.add(1, start);
  REQUIRE(schedule.take_due(start));
  schedule.remove(1);
  schedule.add(1, start + 1ms);
  schedule.finished(1, start + 2ms);  // late news of the first check
  CHECK(schedule.take_due(start + 2ms) == TargetKey{1});
  CHECK_FALSE(schedule.take_due(start + 2ms));
  schedule.add(1, start + 3ms);  // there already
  CHECK(schedule.size() == 1);
}
