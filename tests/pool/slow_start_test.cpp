#include "pool/slow_start.hpp"

#include "pool/fixture.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using test::PoolFixture;
using test::target;
using Weights = std::vector<std::uint32_t>;

namespace {

const PoolOptions ten_seconds{.panic_percent = 0, .slow_start = 10s};

}  // namespace

TEST_CASE("a warming target has a tenth at least, then its share of the time, then all") {
  const pool::SlowStart slow_start(10s);
  const TimePoint since{100s};
  CHECK(slow_start.tenths(since, since) == 1);
  CHECK(slow_start.tenths(since, since + 1'999ms) == 1);
  CHECK(slow_start.tenths(since, since + 2s) == 2);
  CHECK(slow_start.tenths(since, since + 9'999ms) == 9);
  CHECK(slow_start.tenths(since, since + 10s) == 10);
  CHECK(slow_start.tenths(since, since + 100h) == 10);
  CHECK(slow_start.tenths(std::nullopt, since) == 10);
  CHECK(pool::SlowStart(0s).tenths(since, since) == 10);
}

TEST_CASE("the targets a pool starts with have their full weight at once") {
  PoolFixture f(ten_seconds);
  SECTION("added as up") {
    f.add(target("a", 3));
    CHECK(f.weights() == Weights{3});
  }
  SECTION("replaced as one") {
    const Target all[] = {target("a", 3), target("b", 2)};
    REQUIRE(f.pool.replace_all(all, Health::up));
    CHECK(f.weights() == Weights{3, 2});
  }
  SECTION("found up by their first checks, one after the other") {
    const TargetKey a = f.add(target("a", 3), Health::unknown);
    const TargetKey b = f.add(target("b", 2), Health::unknown);
    REQUIRE(f.pool.set_health(a, Health::up));
    f.clock.advance(1s);
    REQUIRE(f.pool.set_health(b, Health::up));
    CHECK(f.weights() == Weights{3, 2});
  }
}

TEST_CASE("a target that joins later warms up") {
  PoolFixture f(ten_seconds);
  f.add(target("a", 3));
  const TargetKey b = f.add(target("b", 2), Health::unknown);
  CHECK(f.usable() == "a");
  f.clock.advance(60s);  // it is not warming before it gets work
  REQUIRE(f.pool.set_health(b, Health::up));
  CHECK(f.weights() == Weights{30, 2});
  f.clock.advance(5s);
  f.pool.tick();
  CHECK(f.weights() == Weights{30, 10});
  f.clock.advance(5s);
  f.pool.tick();
  CHECK(f.weights() == Weights{3, 2});
}

TEST_CASE("a target that recovers warms up, from down and from ejected") {
  const Health trouble = GENERATE(Health::down, Health::ejected);
  PoolFixture f(ten_seconds);
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  f.clock.advance(20s);
  f.pool.tick();
  REQUIRE(f.weights() == Weights{1, 1});
  REQUIRE(f.pool.set_health(b, trouble));
  REQUIRE(f.pool.set_health(b, Health::up));
  CHECK(f.weights() == Weights{10, 1});
}

TEST_CASE("a target that is enabled again warms up") {
  PoolFixture f(ten_seconds);
  f.add(target("a"));
  f.add(target("b"));
  f.clock.advance(20s);
  f.pool.tick();
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::disabled));
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::enabled));
  CHECK(f.weights() == Weights{1, 10});
}

TEST_CASE("a target that fails while it warms up starts over") {
  PoolFixture f(ten_seconds);
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  f.clock.advance(8s);
  f.pool.tick();
  CHECK(f.weights() == Weights{10, 8});
  REQUIRE(f.pool.set_health(b, Health::down));
  CHECK(f.weights() == Weights{1});
  REQUIRE(f.pool.set_health(b, Health::up));
  CHECK(f.weights() == Weights{10, 1});
}

TEST_CASE("tick publishes a step of a tenth at a time, and nothing when no target warms up") {
  PoolFixture f(ten_seconds);
  f.add(target("a"));
  f.add(target("b"));
  const auto version = f.pool.version();
  for (int i = 0; i < 200; ++i) {  // 20 s
    f.clock.advance(100ms);
    f.pool.tick();
  }
  CHECK(f.pool.version() == version + 9);
}

TEST_CASE("without slow start nothing warms up") {
  PoolFixture f;
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  REQUIRE(f.pool.set_health(b, Health::down));
  REQUIRE(f.pool.set_health(b, Health::up));
  CHECK(f.weights() == Weights{1, 1});
}

TEST_CASE("every strategy that knows weights gives a warming target less") {
  const std::string name(GENERATE("roundrobin", "random", "leastconn"));
  PoolFixture f(ten_seconds);
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  Balancer balancer(f.pool, test::strategy(name));
  int to_b = 0;
  for (int i = 0; i < 1'100; ++i) {
    const auto lease = balancer.pick();
    REQUIRE(lease);
    if (lease->key() == b) ++to_b;
  }
  CAPTURE(name);
  CHECK(to_b == Approx(100).margin(30));
}
