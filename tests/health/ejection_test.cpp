#include "health/ejection.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using evenkeel::OutlierOptions;
using evenkeel::TargetKey;
using evenkeel::TimePoint;
using evenkeel::base::Random;
using evenkeel::health::Ejections;
using evenkeel::health::PoolShare;

namespace {

constexpr TimePoint start{1'000s};
constexpr PoolShare three_up{3, 3};

struct Fixture {
  OutlierOptions options{};  // 5 failures, 30 s * k up to 300 s, 50 %
  Ejections ejections{options};
  Random random{7};

  std::optional<TimePoint> suspect(TargetKey key, TimePoint now, PoolShare share = three_up,
                                   unsigned failures = 5) {
    return ejections.suspect(key, failures, share, now, random);
  }
  // Ejects, waits the ejection out, and says how long it was.
  std::chrono::nanoseconds round(TargetKey key, TimePoint& now) {
    const auto until = suspect(key, now);
    REQUIRE(until);
    const auto length = *until - now;
    now = *until;
    REQUIRE(ejections.expire(now) == std::vector<TargetKey>{key});
    return length;
  }
};

bool within(std::chrono::nanoseconds length, std::chrono::seconds plain) {
  return length >= plain && length <= plain + plain / 10;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "enough failures in a row eject, fewer do not") {
  CHECK_FALSE(suspect(1, start, three_up, 4));
  const auto until = suspect(1, start, three_up, 5);
  REQUIRE(until);
  CHECK(within(*until - start, 30s));
  CHECK(ejections.is_ejected(1));
  CHECK_FALSE(ejections.is_ejected(2));
  CHECK(ejections.next_expiry() == until);
  CHECK_FALSE(suspect(1, start, three_up, 6));  // already
}

TEST_CASE("a threshold of zero turns ejection off") {
  OutlierOptions off;
  off.consecutive_failures = 0;
  Ejections ejections{off};
  Random random{1};
  CHECK_FALSE(ejections.suspect(1, 1'000, three_up, start, random));
}

TEST_CASE_METHOD(Fixture, "the last usable target is never ejected") {
  CHECK_FALSE(suspect(1, start, {1, 1}));
  CHECK_FALSE(suspect(1, start, {3, 1}));  // the two others are down
  CHECK(suspect(1, start, {3, 2}));
}

TEST_CASE_METHOD(Fixture, "at most the configured share is out, but one always may be") {
  CHECK(suspect(1, start, {2, 2}));
  CHECK_FALSE(suspect(2, start, {2, 1}));

  Ejections ten{options};
  std::size_t out = 0;
  for (TargetKey key = 0; key < 10; ++key) {
    if (ten.suspect(key, 5, {10, 10 - out}, start, random)) ++out;
  }
  CHECK(out == 5);
  CHECK(ten.ejected() == 5);

  options.max_ejected_percent = 0;
  Ejections least{options};
  CHECK(least.suspect(1, 5, {3, 3}, start, random));
  CHECK_FALSE(least.suspect(2, 5, {3, 2}, start, random));
}

TEST_CASE_METHOD(Fixture, "each ejection is longer, up to the maximum") {
  TimePoint now = start;
  for (const auto plain : {30s, 60s, 90s, 120s, 150s, 180s, 210s, 240s, 270s, 300s, 300s, 300s}) {
    CHECK(within(round(1, now), plain));
  }
}

TEST_CASE_METHOD(Fixture, "healthy time forgives, one step for each ten seconds") {
  TimePoint now = start;
  round(1, now);
  round(1, now);
  round(1, now);
  now += 19s;
  CHECK(within(round(1, now), 90s));  // 3 steps - 1 + the new one
  now += 1h;
  CHECK(within(round(1, now), 30s));
}

TEST_CASE_METHOD(Fixture, "time spent down forgives nothing") {
  TimePoint now = start;
  round(1, now);
  round(1, now);
  ejections.set_healthy(1, false, now);
  now += 1h;
  ejections.set_healthy(1, true, now);
  now += 5s;
  CHECK(within(round(1, now), 90s));
}

TEST_CASE_METHOD(Fixture, "expiry gives back exactly what is due") {
  const auto first = suspect(1, start, {4, 4});
  const auto second = suspect(2, start + 10s, {4, 3});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(ejections.expire(*first - 1ms).empty());
  CHECK(ejections.expire(*first) == std::vector<TargetKey>{1});
  CHECK(ejections.next_expiry() == second);
  CHECK(ejections.expire(*second) == std::vector<TargetKey>{2});
  CHECK_FALSE(ejections.next_expiry());
}

TEST_CASE_METHOD(Fixture, "a pardon ends an ejection once") {
  suspect(1, start);
  CHECK(ejections.pardon(1, start + 1s));
  CHECK_FALSE(ejections.pardon(1, start + 1s));
  CHECK_FALSE(ejections.pardon(2, start));
  CHECK_FALSE(ejections.is_ejected(1));
  const auto again = suspect(1, start + 2s);
  REQUIRE(again);
  CHECK(within(*again - (start + 2s), 60s));
}

TEST_CASE_METHOD(Fixture, "a target that left is forgotten") {
  suspect(1, start);
  ejections.forget(1);
  CHECK(ejections.ejected() == 0);
  CHECK_FALSE(ejections.next_expiry());
}

TEST_CASE("targets that failed together do not return together") {
  const OutlierOptions options;
  Ejections ejections{options};
  Random random{3};
  const auto a = ejections.suspect(1, 5, {10, 10}, start, random);
  const auto b = ejections.suspect(2, 5, {10, 9}, start, random);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(*a != *b);
}

TEST_CASE("absurd durations do not overflow") {
  OutlierOptions options;
  options.base_ejection = std::chrono::hours(24 * 365);
  options.max_ejection = std::chrono::hours(24 * 365 * 10);
  Ejections ejections{options};
  Random random{3};
  TimePoint now = start;
  for (int i = 0; i < 20; ++i) {
    const auto until = ejections.suspect(1, 5, {2, 2}, now, random);
    REQUIRE(until);
    REQUIRE(*until > now);
    now = *until;
    ejections.expire(now);
  }
}
