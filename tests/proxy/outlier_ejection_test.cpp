// Passive checks: what live traffic says.
#include "proxy/monitor_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

struct PassiveFixture : Fixture {
  Balancer balancer{pool, find_strategy("first").value()({})};

  PassiveFixture() {
    health.type = CheckType::none;
    outlier.consecutive_failures = 3;
    outlier.base_ejection = 50ms;
    outlier.max_ejection = 200ms;
  }
  // One failing request at whatever is picked; its key.
  TargetKey fail() {
    auto lease = balancer.pick().value();
    lease.report(Outcome::failure);
    return lease.key();
  }
};

}  // namespace

TEST_CASE_METHOD(PassiveFixture, "failing traffic ejects, time brings back") {
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  start();
  REQUIRE(becomes(a, Health::up));  // nobody checks, so it is taken to be up
  REQUIRE(becomes(b, Health::up));
  events.clear();
  const TimePoint begin = clock.now();
  for (int i = 0; i < 3; ++i) REQUIRE(fail() == a);
  REQUIRE(becomes(a, Health::ejected));
  CHECK(balancer.pick().value().key() == b);
  REQUIRE(becomes(a, Health::up));
  CHECK(clock.now() - begin >= 50ms);
  CHECK(events ==
        std::vector<std::string>{"up->ejected 3 consecutive failures", "ejected->up ejection over"});
  CHECK(std::ranges::count_if(log.lines,
                              [](const auto& line) { return line.starts_with("target_ejected"); }) == 1);
  CHECK(std::ranges::count_if(log.lines,
                              [](const auto& line) { return line.starts_with("target_recovered"); }) == 1);

  SECTION("after which it takes as many failures again") {
    REQUIRE(fail() == a);
    REQUIRE(fail() == a);
    loop.run_until([] { return false; }, 20ms);
    CHECK(health_of(a) == Health::up);
    REQUIRE(fail() == a);
    CHECK(becomes(a, Health::ejected));
  }
}

TEST_CASE_METHOD(PassiveFixture, "the last usable target is not ejected") {
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  outlier.base_ejection = 1h;
  outlier.max_ejection = 1h;
  start();
  REQUIRE(becomes(b, Health::up));
  for (int i = 0; i < 3; ++i) fail();
  REQUIRE(becomes(a, Health::ejected));
  for (int i = 0; i < 10; ++i) REQUIRE(fail() == b);
  loop.run_until([] { return false; }, 20ms);
  CHECK(health_of(b) == Health::up);
}

TEST_CASE_METHOD(PassiveFixture, "failures on other threads are heard") {
  const TargetKey a = add(at(1, "a"));
  add(at(1, "b"));
  outlier.base_ejection = 1h;
  start();
  REQUIRE(becomes(a, Health::up));
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([this] {
      Balancer own{pool, find_strategy("first").value()({})};
      for (int n = 0; n < 100; ++n) own.pick().value().report(Outcome::failure);
    });
  }
  CHECK(becomes(a, Health::ejected));
  for (std::thread& worker : workers) worker.join();
}

TEST_CASE_METHOD(PassiveFixture, "a monitor can close while other threads report failures") {
  add(at(1, "a"));
  start();
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    Balancer own{pool, find_strategy("first").value()({})};
    while (!stop) own.pick().value().report(Outcome::failure);
  });
  loop.run_until([] { return false; }, 20ms);
  close();
  stop = true;
  worker.join();
}

TEST_CASE_METHOD(PassiveFixture, "a passing check ends an ejection") {
  outlier.base_ejection = 1h;
  outlier.max_ejection = 1h;
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  start(maker_of(script));
  REQUIRE(becomes(b, Health::up));
  REQUIRE(becomes(a, Health::up));
  for (int i = 0; i < 3; ++i) fail();
  REQUIRE(loop.run_until([&] { return events.size() >= 4; }));
  CHECK(events[2] == "up->ejected 3 consecutive failures");
  CHECK(events[3] == "ejected->up check passed");
}
