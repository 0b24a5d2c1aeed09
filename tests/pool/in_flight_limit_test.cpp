// PickContext::max_in_flight: no target above that many leases, whoever holds them.
#include "pool/fixture.hpp"

using namespace evenkeel;
using test::PoolFixture;
using test::target;

namespace {

constexpr Error all_full{ErrorCode::over_limit, Fault::target, true, 0};

// Takes leases until there is none: the hosts in the order they came, and why it ended.
struct Filled {
  std::string hosts;
  std::vector<Lease> leases;
  Error error{};
};
Filled fill(Balancer& balancer, const PickContext& context) {
  Filled filled;
  for (;;) {
    auto lease = balancer.pick(context);
    if (!lease) {
      filled.error = lease.error();
      return filled;
    }
    filled.hosts += lease->target().host;
    filled.leases.push_back(std::move(*lease));
    REQUIRE(filled.leases.size() < 100);
  }
}

}  // namespace

TEST_CASE("when the strategy's choice is full the next one in order takes over, until all are") {
  PoolFixture f;
  for (const char* host : {"a", "b", "c"}) f.add(target(host));
  Balancer balancer(f.pool, test::strategy("first"));
  Filled filled = fill(balancer, {.max_in_flight = 2});
  CHECK(filled.hosts == "aabbcc");
  CHECK(filled.error == all_full);

  SECTION("a place that is given back is taken again") {
    filled.leases[3].release();
    CHECK(fill(balancer, {.max_in_flight = 2}).hosts == "b");
  }
  SECTION("one of them can be above the limit already") {
    filled.leases[4].release();
    CHECK(fill(balancer, {.max_in_flight = 1}).error == all_full);
    filled.leases[5].release();
    CHECK(fill(balancer, {.max_in_flight = 1}).hosts == "c");
  }
  SECTION("a pick without a limit is not limited, but counts") {
    auto more = balancer.pick();
    REQUIRE(more);
    filled.leases[0].release();
    CHECK(fill(balancer, {.max_in_flight = 2}).error == all_full);
  }
}

TEST_CASE("every strategy fills its targets exactly") {
  const std::string name(GENERATE("roundrobin", "leastconn", "random", "first", "hash"));
  CAPTURE(name);
  PoolFixture f;
  for (const char* host : {"a", "b", "c"}) f.add(target(host));
  Balancer balancer(f.pool, test::strategy(name));
  Filled filled = fill(balancer, {.affinity = 7, .max_in_flight = 3});
  CHECK(filled.error == all_full);
  std::ranges::sort(filled.hosts);
  CHECK(filled.hosts == "aaabbbccc");
}

TEST_CASE("the limit counts the leases of all loops") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  Balancer one(f.pool, test::strategy("first"));
  Balancer other(f.pool, test::strategy("first"));
  const Filled filled = fill(one, {.max_in_flight = 3});
  CHECK(filled.hosts == "aaa");
  const auto refused = other.pick({.max_in_flight = 3});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == all_full);
  CHECK(f.status(a).in_flight == 3);  // a refusal leaves no trace
}

TEST_CASE("excluded targets stay excluded when the others are full") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  const TargetKey c = f.add(target("c"));
  Balancer balancer(f.pool, test::strategy("first"));
  const TargetKey tried[] = {b};
  CHECK(fill(balancer, {.exclude = tried, .max_in_flight = 2}).hosts == "aacc");
  const TargetKey all[] = {a, b, c};
  CHECK(fill(balancer, {.exclude = all, .max_in_flight = 1}).hosts == "abc");  // none other remains
}

TEST_CASE("a single target has a limit too, even when it was tried") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  Balancer balancer(f.pool, test::strategy("roundrobin"));
  const TargetKey tried[] = {a};
  CHECK(fill(balancer, {.exclude = tried, .max_in_flight = 2}).hosts == "aa");
}

TEST_CASE("no target is another error than no room") {
  const PoolFixture f;
  Balancer balancer(f.pool, test::strategy("first"));
  CHECK(fill(balancer, {.max_in_flight = 1}).error == Error{ErrorCode::no_target, Fault::target, true, 0});
}
