#include "evenkeel/balancer.hpp"

#include <new>
#include <utility>

#include "pool/fixture.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using test::PoolFixture;
using test::target;

namespace {

// Says what it is told to, and remembers what it was asked.
class Puppet final : public Strategy {
 public:
  struct Log {
    std::size_t answer = 0;
    int picks = 0;
    int rebuilds = 0;
    std::vector<std::size_t> known{};  // members at each know()
    bool out_of_memory_in_know = false;
    bool out_of_memory_in_rebuild = false;
    std::size_t excluded = 0;  // of the last pick
  };

  explicit Puppet(Log& log) : log_(log) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "puppet"; }
  void know(std::span<const Candidate> members) override {
    for (const Candidate& c : members_) sum += c.weight;  // the last list is valid until now
    members_ = members;
    log_.known.push_back(members.size());
    if (log_.out_of_memory_in_know) throw std::bad_alloc();
    told_ = true;
  }
  void rebuild(std::span<const Candidate> candidates) override {
    REQUIRE(candidates.size() >= 2);
    REQUIRE(std::exchange(told_, false));
    ++log_.rebuilds;
    for (const Candidate& c : candidates_) sum += c.weight;  // the last list is valid until now
    candidates_ = candidates;
    if (log_.out_of_memory_in_rebuild) throw std::bad_alloc();
  }
  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    ++log_.picks;
    log_.excluded = context.exclude.size();
    for (const Candidate& c : candidates_) sum += c.weight;  // a dangling one is ASan's to find
    for (const Candidate& c : members_) sum += c.weight;
    return log_.answer;
  }
  std::uint64_t sum = 0;

 private:
  Log& log_;
  std::span<const Candidate> candidates_;
  std::span<const Candidate> members_;
  bool told_ = false;  // of the members, for the next rebuild
};

std::string host(const Result<Lease>& lease) {
  return lease ? lease->target().host : "-";
}

// Where two hundred clients go.
std::string owners(Balancer& balancer) {
  std::string owners;
  for (std::uint64_t client = 1; client <= 200; ++client) owners += host(balancer.pick({.affinity = client}));
  return owners;
}

}  // namespace

TEST_CASE("an empty pool gives an error that says whose fault it is") {
  const PoolFixture f;
  Balancer balancer(f.pool, test::strategy("roundrobin"));
  const auto lease = balancer.pick();
  REQUIRE_FALSE(lease);
  CHECK(lease.error() == Error{ErrorCode::no_target, Fault::target, true, 0});
  CHECK(balancer.usable() == 0);
  CHECK(balancer.strategy() == "roundrobin");
}

TEST_CASE("a single target is answered without asking the strategy, even when it is excluded") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  const TargetKey exclude[] = {a};
  CHECK(host(balancer.pick()) == "a");
  CHECK(host(balancer.pick({.exclude = exclude})) == "a");
  CHECK(log.picks == 0);
  CHECK(log.rebuilds == 0);
}

TEST_CASE("a balancer follows its pool by itself") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  f.add(target("b"));
  Balancer balancer(f.pool, test::strategy("first"));
  CHECK(host(balancer.pick()) == "a");
  REQUIRE(f.pool.set_health(a, Health::down));
  CHECK(balancer.usable() == 2);  // not yet
  CHECK(host(balancer.pick()) == "b");
  CHECK(balancer.usable() == 1);
  REQUIRE(f.pool.set_health(a, Health::up));
  balancer.refresh();
  CHECK(balancer.usable() == 2);
}

TEST_CASE("the strategy's span stays valid while fewer than two targets are left") {
  PoolFixture f;
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  REQUIRE(f.pool.set_health(b, Health::down));
  CHECK(host(balancer.pick()) == "a");
  REQUIRE(f.pool.remove("http://b:80"));
  CHECK(host(balancer.pick()) == "a");
  f.add(target("c"));
  CHECK(host(balancer.pick()) == "a");
  CHECK(log.rebuilds == 2);
}

TEST_CASE("a strategy is told of the targets that are not usable now") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  f.add(target("b"));
  f.add(target("c"));
  f.add(target("standby", 1, 1));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  REQUIRE(f.pool.set_health(a, Health::down));
  CHECK(balancer.pick());
  CHECK(log.known == std::vector<std::size_t>{3, 3});
  REQUIRE(f.pool.remove("http://a:80"));
  CHECK(balancer.pick());
  CHECK(log.known == std::vector<std::size_t>{3, 3, 2});
}

TEST_CASE("without the memory for a change the old targets serve on, and the next pick adopts it") {
  PoolFixture f;
  f.add(target("a"));
  f.add(target("b"));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  REQUIRE(f.pool.remove("http://a:80"));
  f.add(target("c"));
  SECTION("in know()") {
    log.out_of_memory_in_know = true;
  }
  SECTION("in rebuild()") {
    log.out_of_memory_in_rebuild = true;
  }
  CHECK(host(balancer.pick()) == "a");
  CHECK(host(balancer.pick()) == "b");
  CHECK(host(balancer.pick()) == "a");
  CHECK_THROWS_AS(balancer.refresh(), std::bad_alloc);
  CHECK(log.picks == 0);  // what it has been told of is not what it would be asked about
  log.out_of_memory_in_know = log.out_of_memory_in_rebuild = false;
  log.answer = 1;
  CHECK(host(balancer.pick()) == "c");
  CHECK(log.picks == 1);
}

TEST_CASE("under hash clients return to their target whatever its pool went through, one usable target too") {
  PoolFixture f;
  const TargetKey keys[] = {f.add(target("a")), f.add(target("b", 3)), f.add(target("c"))};
  Balancer balancer(f.pool, test::strategy("hash"));
  const std::string before = owners(balancer);
  REQUIRE(f.pool.set_health(keys[0], Health::down));
  const std::string without_a = owners(balancer);
  CHECK(without_a.find('a') == std::string::npos);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK((before[i] == 'a' || before[i] == without_a[i]));
  REQUIRE(f.pool.set_health(keys[1], Health::down));
  CHECK(owners(balancer) == std::string(200, 'c'));
  REQUIRE(f.pool.set_health(keys[2], Health::down));
  CHECK(owners(balancer) == std::string(200, '-'));
  REQUIRE(f.pool.set_health(keys[1], Health::up));
  CHECK(owners(balancer) == std::string(200, 'b'));
  REQUIRE(f.pool.set_health(keys[2], Health::up));
  CHECK(owners(balancer) == without_a);
  REQUIRE(f.pool.set_health(keys[0], Health::up));
  CHECK(owners(balancer) == before);
}

TEST_CASE("under hash a slow start moves nobody: who returns gets its own clients at once") {
  PoolFixture f({.slow_start = 10s});
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  Balancer balancer(f.pool, test::strategy("hash"));
  const std::string before = owners(balancer);
  REQUIRE(f.pool.set_health(b, Health::down));
  REQUIRE(f.pool.set_health(b, Health::up));
  CHECK(f.weights() == std::vector<std::uint32_t>{10, 1});
  CHECK(owners(balancer) == before);
}

TEST_CASE("a strategy that errs is corrected to the next allowed target") {
  PoolFixture f;
  f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  const TargetKey c = f.add(target("c"));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  log.answer = 4;
  CHECK(host(balancer.pick()) == "b");
  log.answer = static_cast<std::size_t>(-1);
  CHECK(balancer.pick());
  log.answer = 1;
  const TargetKey exclude[] = {c, b};
  CHECK(host(balancer.pick({.exclude = exclude})) == "a");
}

TEST_CASE("exclusion is dropped when nothing else remains") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  const TargetKey b = f.add(target("b"));
  Puppet::Log log;
  Balancer balancer(f.pool, std::make_unique<Puppet>(log));
  const TargetKey exclude[] = {a, b};
  CHECK(host(balancer.pick({.exclude = exclude})) == "a");
  CHECK(log.excluded == 0);
  const TargetKey gone[] = {a, 4'711};
  CHECK(host(balancer.pick({.exclude = gone})) == "b");
  CHECK(log.excluded == 2);
}

TEST_CASE("a lease counts its work until it ends, once") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  Balancer balancer(f.pool, test::strategy("first"));
  {
    Lease one = *balancer.pick();
    Lease two = *balancer.pick();
    CHECK(f.status(a).in_flight == 2);
    Lease moved(std::move(one));
    CHECK_FALSE(one);  // NOLINT(bugprone-use-after-move): that a moved lease is empty is the point
    CHECK(moved);
    two = std::move(moved);
    CHECK(f.status(a).in_flight == 1);
    two.release();
    two.release();
    CHECK_FALSE(two);
    CHECK(f.status(a).in_flight == 0);
    Lease three = *balancer.pick();
    CHECK(f.status(a).in_flight == 1);
  }
  CHECK(f.status(a).in_flight == 0);
}

TEST_CASE("a lease outlives the removal of its target, its balancer and its pool") {
  auto f = std::make_unique<PoolFixture>();
  const TargetKey a = f->add(target("a"));
  auto balancer = std::make_unique<Balancer>(f->pool, test::strategy("first"));
  Lease lease = *balancer->pick();
  f->pool.watch_failures(1, [] { FAIL("the pool is gone"); });
  REQUIRE(f->pool.remove("http://a:80"));
  CHECK_FALSE(balancer->pick());
  balancer.reset();
  CHECK(lease.target().host == "a");
  f.reset();
  CHECK(lease.key() == a);
  lease.report(Outcome::failure);
}

TEST_CASE("reports are counted") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  Balancer balancer(f.pool, test::strategy("first"));
  const TargetCounters& counters = *f.pool.snapshot()->entries[0].counters;

  balancer.pick()->report(Outcome::success, 100);
  balancer.pick()->report(Outcome::success, 50);
  balancer.pick()->report(Outcome::success);
  balancer.pick()->report(Outcome::failure, 7);
  balancer.pick()->report(Outcome::failure);
  CHECK(counters.consecutive_failures() == 2);
  balancer.pick()->report(Outcome::neutral);
  CHECK(counters.consecutive_failures() == 2);
  balancer.pick()->report(Outcome::success);
  CHECK(counters.consecutive_failures() == 0);

  const TargetStatus status = f.status(a);
  CHECK(status.requests == 7);
  CHECK(status.failures == 2);
  CHECK(status.bytes == 157);
  CHECK(status.in_flight == 0);
}

TEST_CASE("a target that is preferred is picked under any strategy, while it may be used") {
  PoolFixture f;
  for (const char* host : {"a", "b", "c"}) f.add(target(host));
  Balancer balancer(f.pool, test::strategy("first"));
  const std::uint64_t b = target_token(target("b"));
  CHECK(b != target_token(target("c")));
  const auto preferred = [&](const PickContext& context) { return balancer.pick(context)->target().host; };
  CHECK(preferred({.prefer = b}) == "b");
  CHECK(balancer.pick({.prefer = b})->token() == b);
  CHECK(preferred({.prefer = b + 1}) == "a");
  const TargetKey excluded[] = {balancer.pick({.prefer = b})->key()};
  CHECK(preferred({.exclude = excluded, .prefer = b}) == "a");

  const Lease full = *balancer.pick({.prefer = b});
  CHECK(preferred({.prefer = b, .max_in_flight = 1}) == "c");
  REQUIRE(f.pool.set_admin("http://b:80", AdminState::draining));
  CHECK(preferred({.prefer = b}) == "a");
  REQUIRE(f.pool.set_admin("http://a:80", AdminState::disabled));
  CHECK(preferred({.prefer = b}) == "c");  // the only one
}

TEST_CASE("latencies are kept for a strategy that looks at them") {
  PoolFixture f;
  f.add(target("a"));
  const TargetCounters& counters = *f.pool.snapshot()->entries[0].counters;
  const auto latency = [&] { return counters.latency_us(f.clock.now()); };
  Balancer blind(f.pool, test::strategy("leastconn"), f.clock);
  blind.pick()->answered(800us);
  CHECK(latency() == 0);

  Balancer balancer(f.pool, test::strategy("ewma"), f.clock);
  balancer.pick()->answered(800us);
  CHECK(latency() == 800);
  balancer.pick()->report(Outcome::success);
  balancer.pick()->report(Outcome::neutral);
  CHECK(latency() == 800);  // what was not measured moves nothing
  f.clock.advance(1h);
  CHECK(latency() == Approx(0).margin(1e-6));
}

TEST_CASE("what waited in vain and what failed raise a latency, and never lower it") {
  PoolFixture f;
  f.add(target("a"));
  const TargetCounters& counters = *f.pool.snapshot()->entries[0].counters;
  const auto latency = [&] { return counters.latency_us(f.clock.now()); };
  Balancer balancer(f.pool, test::strategy("ewma"), f.clock);
  balancer.pick()->answered(20ms);
  balancer.pick()->gave_up(5ms);
  CHECK(latency() == 20'000);
  balancer.pick()->report(Outcome::failure);
  CHECK(latency() == 1'000'000);
  balancer.pick()->gave_up(4s);
  CHECK(latency() == 4'000'000);
  f.clock.advance(1s);
  balancer.pick()->report(Outcome::failure);
  CHECK(latency() == Approx(4'000'000 * std::exp(-0.1)));
}

TEST_CASE("where nothing is known of a target, an impatient client does not make it fast") {
  PoolFixture f;
  f.add(target("a"));
  Balancer balancer(f.pool, test::strategy("ewma"), f.clock);
  const auto latency = [&] { return f.pool.snapshot()->entries[0].counters->latency_us(f.clock.now()); };
  balancer.pick()->gave_up(5us);
  CHECK(latency() == 0);
  balancer.pick()->gave_up(300ms);
  CHECK(latency() == 300'000);
}

TEST_CASE("waiting for what nobody may owe is little among many answers") {
  PoolFixture f;
  f.add(target("a"));
  const TargetCounters& counters = *f.pool.snapshot()->entries[0].counters;
  const auto latency = [&] { return counters.latency_us(f.clock.now()); };
  Balancer balancer(f.pool, test::strategy("ewma"), f.clock);
  balancer.pick()->answered(20ms);
  f.clock.advance(10ms);
  balancer.pick()->gave_up(1h, false);
  CHECK(latency() == Approx(20'000 + 1'000).epsilon(0.01));
  balancer.pick()->gave_up(5ms, false);
  CHECK(latency() == Approx(20'000 + 1'000).epsilon(0.01));
}

TEST_CASE("an error counts as an answer after a second, for the time since the last answer") {
  PoolFixture f;
  f.add(target("a"));
  const TargetCounters& counters = *f.pool.snapshot()->entries[0].counters;
  Balancer balancer(f.pool, test::strategy("ewma"), f.clock);
  const auto answer_for = [&](std::chrono::seconds time, int every_nth_fails) {
    for (auto t = 0ms; t < time; t += 10ms) {
      f.clock.advance(10ms);
      const bool fails = (t / 10ms) % every_nth_fails == 0;
      balancer.pick()->answered(1ms, fails ? AnswerKind::error : AnswerKind::good);
    }
    return counters.latency_us(f.clock.now());
  };
  // One in a hundred is a hundredth of a second, which is what a request that has to be sent again costs.
  CHECK(answer_for(120s, 100) == Approx(11'000).epsilon(0.1));
  CHECK(answer_for(60s, 1) == Approx(1'000'000).epsilon(0.01));
  balancer.pick()->answered(8s, AnswerKind::error);
  f.clock.advance(10s);
  balancer.pick()->answered(8s, AnswerKind::error);
  CHECK(counters.latency_us(f.clock.now()) > 5'000'000);
}

TEST_CASE("a target that keeps failing is reported from the threshold on") {
  PoolFixture f;
  const TargetKey a = f.add(target("a"));
  int told = 0;
  f.pool.watch_failures(3, [&] { ++told; });
  Balancer balancer(f.pool, test::strategy("first"));
  const auto fail = [&] { balancer.pick()->report(Outcome::failure); };
  fail();
  fail();
  CHECK(told == 0);
  fail();
  fail();
  CHECK(told == 2);

  SECTION("a success starts the count anew") {
    balancer.pick()->report(Outcome::success);
    fail();
    fail();
    CHECK(told == 2);
  }
  SECTION("so does reset_failures") {
    f.pool.reset_failures(a);
    fail();
    fail();
    CHECK(told == 2);
  }
  SECTION("a threshold of 0 turns it off") {
    f.pool.watch_failures(0, [&] { ++told; });
    fail();
    CHECK(told == 2);
  }
  SECTION("targets that join later are watched as well") {
    REQUIRE(f.pool.remove("http://a:80"));
    f.add(target("b"));
    for (int i = 0; i < 3; ++i) fail();
    CHECK(told == 3);
  }
}
