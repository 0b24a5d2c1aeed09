#include "pool/retry_budget.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

using namespace std::chrono_literals;
using evenkeel::RetryReserve;
using evenkeel::pool::RetryBudget;
using evenkeel::test::FakeClock;

namespace {

struct Fixture {
  Fixture(std::uint32_t percent, std::uint32_t min_per_second)
      : reserve(std::make_shared<RetryReserve>(min_per_second)), budget(percent, reserve) {}

  void requests(int count) {
    for (int i = 0; i < count; ++i) budget.on_request(clock.now());
  }
  int retries_left() {
    int count = 0;
    while (count < 100'000 && budget.try_retry(clock.now())) ++count;
    return count;
  }

  FakeClock clock;
  std::shared_ptr<RetryReserve> reserve;
  RetryBudget budget;
};

}  // namespace

TEST_CASE("retries are a share of the requests") {
  Fixture f(20, 0);
  CHECK(f.retries_left() == 0);
  f.requests(100);
  CHECK(f.retries_left() == 20);
}

TEST_CASE("the whole budget may be spent at once, when a target dies under load") {
  Fixture f(20, 10);
  for (int second = 0; second < 5; ++second) {
    f.requests(1'000);
    f.clock.advance(1s);
  }
  CHECK(f.retries_left() == 1'000 + 100);
}

TEST_CASE("some retries are there without any traffic") {
  Fixture f(0, 3);
  CHECK(f.retries_left() == 30);  // ten seconds' worth
}

TEST_CASE("the loops of a port share the reserve, and each spends what its requests have earned") {
  Fixture f(20, 1);
  RetryBudget other(20, f.reserve);
  f.requests(50);
  CHECK(f.retries_left() == 10 + 10);
  CHECK_FALSE(other.try_retry(f.clock.now()));
  for (int i = 0; i < 5; ++i) other.on_request(f.clock.now());
  CHECK(other.try_retry(f.clock.now()));
  f.reserve->set_per_second(2);
  CHECK(f.retries_left() == 10);
}

TEST_CASE("what was spent comes back after ten seconds") {
  Fixture f(0, 3);
  CHECK(f.retries_left() == 30);
  f.clock.advance(9s);
  CHECK(f.retries_left() == 0);
  f.clock.advance(1s);
  CHECK(f.retries_left() == 30);
}

TEST_CASE("what was not spent expires after ten seconds") {
  Fixture f(20, 0);
  f.requests(100);
  f.clock.advance(9s);
  f.requests(50);
  f.clock.advance(1s);
  CHECK(f.retries_left() == 10);
}

TEST_CASE("retries over any ten seconds stay within the budget") {
  Fixture f(20, 1);
  int retries = 0;
  for (int second = 0; second < 100; ++second) {
    for (int i = 0; i < 50; ++i) {
      f.requests(1);
      if (f.budget.try_retry(f.clock.now())) ++retries;  // everything fails
    }
    f.clock.advance(1s);
  }
  // 20 % of 5,000, and 1 a second with a reserve of 10 s.
  CHECK(retries >= 1'000);
  CHECK(retries <= 1'000 + 110);
}

TEST_CASE("a budget of nothing allows nothing") {
  Fixture f(0, 0);
  f.requests(10'000);
  CHECK(f.retries_left() == 0);
}

TEST_CASE("a long silence leaves the reserve and nothing else") {
  Fixture f(100, 1);
  f.requests(500);
  f.clock.advance(1'000h);
  CHECK(f.retries_left() == 10);
}

TEST_CASE("time that goes backwards counts as standing still") {
  Fixture f(100, 0);
  f.requests(5);
  f.clock.advance(-30s);
  CHECK(f.retries_left() == 5);
  f.requests(5);
  CHECK(f.retries_left() == 5);
}
