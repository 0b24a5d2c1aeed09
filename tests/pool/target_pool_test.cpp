#include "evenkeel/target_pool.hpp"

#include "pool/fixture.hpp"

using namespace evenkeel;
using test::PoolFixture;
using test::target;

TEST_CASE("a pool starts empty and published") {
  const PoolFixture f;
  CHECK(f.pool.version() == 1);
  CHECK(f.pool.size() == 0);
  REQUIRE(f.pool.snapshot());
  CHECK(f.pool.snapshot()->version == 1);
  CHECK(f.usable().empty());
}

TEST_CASE("each change publishes one snapshot, and no change none") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  CHECK(f.pool.version() == 2);
  REQUIRE(f.pool.set_weight("http://a:80", 3));
  CHECK(f.pool.version() == 3);
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::draining));
  CHECK(f.pool.version() == 4);
  REQUIRE(f.pool.set_health(a, Health::down));
  CHECK(f.pool.version() == 5);

  REQUIRE(f.pool.set_weight("http://a:80", 3));
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::draining));
  REQUIRE(f.pool.set_health(a, Health::down));
  f.pool.tick();
  CHECK(f.pool.version() == 5);

  REQUIRE(f.pool.remove("http://a:80"));
  CHECK(f.pool.version() == 6);
  CHECK(f.pool.snapshot()->version == 6);
}

TEST_CASE("a published snapshot never changes") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  const auto before = f.pool.snapshot();
  REQUIRE(f.pool.set_weight("http://a:80", 9));
  REQUIRE(f.pool.set_health(a, Health::down));
  REQUIRE(f.pool.remove("http://a:80"));
  REQUIRE(before->entries.size() == 1);
  CHECK(before->entries[0].health == Health::up);
  CHECK(before->entries[0].target->weight == 1);
  CHECK(before->candidates[0].target->host == "a");
}

TEST_CASE("what is not there, is there twice or makes no sense is an error and changes nothing") {
  PoolFixture f;
  f.add(target("a"));
  const auto version = f.pool.version();
  CHECK(f.pool.add(target("a", 7)).error().code == ErrorCode::duplicate_target);
  CHECK(f.pool.add(target("b", max_weight + 1)).error().code == ErrorCode::invalid_argument);
  CHECK(f.pool.remove("http://b:80").error().code == ErrorCode::unknown_target);
  CHECK(f.pool.set_weight("http://b:80", 1).error().code == ErrorCode::unknown_target);
  CHECK(f.pool.set_weight("http://a:80", max_weight + 1).error().code == ErrorCode::invalid_argument);
  CHECK(f.pool.set_admin("http://b:80", AdminState::enabled).error().code == ErrorCode::unknown_target);
  CHECK(f.pool.set_health(4'711, Health::up).error().code == ErrorCode::unknown_target);
  CHECK_FALSE(f.pool.find(4'711));
  CHECK(f.pool.version() == version);
}

TEST_CASE("a key is never used twice") {
  PoolFixture f;
  const TargetKey first = f.add(target("a"));
  REQUIRE(f.pool.remove("http://a:80"));
  CHECK(f.add(target("a")) != first);
}

TEST_CASE("draining, disabling and weight zero stop new work, and can be taken back") {
  PoolFixture f;
  f.add(target("a"));
  f.add(target("b"));
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::draining));
  CHECK(f.usable() == "b");
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::disabled));
  CHECK(f.usable() == "b");
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::enabled));
  CHECK(f.usable() == "a b");
  REQUIRE(f.pool.set_weight("http://b:80", 0));
  CHECK(f.usable() == "a");
  REQUIRE(f.pool.set_weight("http://b:80", 4));
  CHECK(f.usable() == "a b");
  CHECK(f.weights() == std::vector<std::uint32_t>{1, 4});
}

TEST_CASE("a tier stands by until the one before it is gone") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  f.add(target("spare", 1, 1));
  CHECK(f.usable() == "a");
  REQUIRE(f.pool.set_health(a, Health::down));
  CHECK(f.usable() == "spare");
  REQUIRE(f.pool.set_health(a, Health::up));
  CHECK(f.usable() == "a");
}

TEST_CASE("a snapshot names the members of the tier in use, with the weights that were configured") {
  PoolFixture f({.slow_start = std::chrono::seconds(10)});
  const TargetKey a = f.add(target("a", 3));
  const TargetKey b = f.add(target("b", 5));
  f.add(target("c", 7, 1));
  f.clock.advance(std::chrono::seconds(20));
  f.pool.tick();
  const auto members = [&] {
    std::string text;
    for (const Candidate& c : f.pool.snapshot()->members)
      text += c.target->host + std::to_string(c.weight) + " ";
    return text;
  };
  CHECK(members() == "a3 b5 ");
  REQUIRE(f.pool.set_health(a, Health::down));
  CHECK(members() == "a3 b5 ");
  REQUIRE(f.pool.set_health(a, Health::up));
  CHECK(f.weights() == std::vector<std::uint32_t>{3, 50});  // warming up
  CHECK(members() == "a3 b5 ");
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::draining));
  CHECK(members() == "b5 ");
  REQUIRE(f.pool.set_health(b, Health::down));
  CHECK(members() == "c7 ");
  REQUIRE(f.pool.remove("http://c:80"));
  CHECK(members().empty());  // b is down, and nobody is in use
}

TEST_CASE("panic is an option of the pool") {
  PoolFixture f({.panic_percent = 50});
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  const TargetKey c = f.add(target("c"));
  REQUIRE(f.pool.set_health(b, Health::down));
  CHECK(f.usable() == "a c");
  REQUIRE(f.pool.set_health(c, Health::ejected));
  CHECK(f.usable() == "a b c");
}

TEST_CASE("replace_all keeps what stays, in the new order, and publishes once") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  f.add(target("c"));
  REQUIRE(f.pool.set_health(a, Health::down));
  const auto since = f.status(a).health_since;
  Balancer balancer(f.pool, test::strategy("roundrobin"));
  const TargetKey not_b[] = {f.status(3).key};
  auto lease = balancer.pick({.exclude = not_b});
  REQUIRE(lease);
  REQUIRE(lease->key() == b);
  lease->report(Outcome::success, 100);
  f.clock.advance(std::chrono::seconds(5));
  const auto version = f.pool.version();

  const Target next[] = {target("d"), target("b", 5), target("a")};
  REQUIRE(f.pool.replace_all(next, Health::up));
  CHECK(f.pool.version() == version + 1);
  CHECK(f.usable() == "d b");
  const auto status = f.pool.status();
  REQUIRE(status.size() == 3);
  CHECK(status[0].target.host == "d");
  CHECK(status[0].requests == 0);
  CHECK(status[1].key == b);
  CHECK(status[1].target.weight == 5);
  CHECK(status[1].in_flight == 1);
  CHECK(status[1].requests == 1);
  CHECK(status[1].bytes == 100);
  CHECK(status[2].key == a);
  CHECK(status[2].health == Health::down);
  CHECK(status[2].health_since == since);
}

TEST_CASE("replace_all refuses two targets of one id, or a bad one, and then changes nothing") {
  PoolFixture f;
  f.add(target("a"));
  const auto version = f.pool.version();
  const Target twice[] = {target("b"), target("c"), target("b", 2)};
  CHECK(f.pool.replace_all(twice).error().code == ErrorCode::duplicate_target);
  const Target heavy[] = {target("b", max_weight + 1)};
  CHECK(f.pool.replace_all(heavy).error().code == ErrorCode::invalid_argument);
  CHECK(f.pool.version() == version);
  CHECK(f.usable() == "a");
}

TEST_CASE("replace_all with nothing empties the pool") {
  PoolFixture f;
  f.add(target("a"));
  REQUIRE(f.pool.replace_all({}));
  CHECK(f.pool.size() == 0);
  CHECK(f.usable().empty());
}

TEST_CASE("subscribers are told of each publication until they leave") {
  PoolFixture f;
  std::vector<std::uint64_t> seen;
  const auto token = f.pool.subscribe([&] { seen.push_back(f.pool.snapshot()->version); });
  f.add(target("a"));
  f.add(target("b"));
  CHECK(seen == std::vector<std::uint64_t>{2, 3});
  f.pool.unsubscribe(token);
  f.add(target("c"));
  CHECK(seen.size() == 2);
}

TEST_CASE("a subscriber may change the pool and end subscriptions, its own included") {
  PoolFixture f;
  int second = 0;
  std::uint64_t mine = 0;
  std::uint64_t other = 0;
  mine = f.pool.subscribe([&] {
    f.pool.unsubscribe(mine);
    f.pool.unsubscribe(other);
    f.add(target("b"));
  });
  other = f.pool.subscribe([&] { ++second; });
  f.add(target("a"));
  CHECK(f.usable() == "a b");
  CHECK(second == 0);
}
