// What crosses threads: one thread changes the pool while others pick. ThreadSanitizer's to judge; the
// counts are checked here.
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include "pool/fixture.hpp"

using namespace evenkeel;
using test::PoolFixture;
using test::target;

TEST_CASE("loops pick, report and release while the pool changes under them") {
  constexpr int loops = 3;
  const std::string name(GENERATE("roundrobin", "leastconn", "random", "first", "hash"));
  // Nearly each pick finds other members here, for which hash makes a table: milliseconds.
  const std::size_t picks = name == "hash" ? 300 : 20'000;
  CAPTURE(name);
  PoolFixture f({.panic_percent = 50, .slow_start = std::chrono::milliseconds(10)});
  const TargetKey a = f.add(target("a"));
  const TargetKey b = f.add(target("b", 2));
  f.add(target("c", 3));
  std::atomic<int> suspects{0};
  std::atomic<int> running{loops};
  std::atomic<std::uint64_t> picks_of_b{0};
  std::array<std::uint64_t, loops> last_version{};
  f.pool.watch_failures(2, [&] { suspects.fetch_add(1, std::memory_order_relaxed); });

  std::vector<std::unique_ptr<Strategy>> strategies;
  for (unsigned i = 0; i < loops; ++i) strategies.push_back(test::strategy(name, {1, i}));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops; ++i) {
    threads.emplace_back([&, i] {
      std::array<Lease, 8> under_way;
      {
        Balancer balancer(f.pool, std::move(strategies[i]));
        for (std::size_t n = 0; n < picks; ++n) {
          auto lease = balancer.pick({.affinity = n});
          if (!lease) continue;
          if (lease->key() == b) picks_of_b.fetch_add(1, std::memory_order_relaxed);
          lease->answered(std::chrono::microseconds(n));
          lease->report(n % 5 == 0 ? Outcome::failure : Outcome::success, n);
          under_way[n % under_way.size()] = std::move(*lease);
        }
      }
      under_way = {};  // after the balancer is gone
      last_version[i] = f.pool.version();
      running.fetch_sub(1);
    });
  }
  // The pool's thread goes on until the last loop is done.
  for (int n = 0; running.load() > 0; ++n) {
    REQUIRE(f.pool.set_health(a, n % 2 == 0 ? Health::down : Health::up));
    REQUIRE(f.pool.set_weight("http://b:80", static_cast<std::uint32_t>(1 + n % 5)));
    if (n % 3 == 0) {
      const Target all[] = {target("a"), target("b"), target("d" + std::to_string(n))};
      REQUIRE(f.pool.replace_all(all, Health::up));
    }
    f.clock.advance(std::chrono::milliseconds(1));
    f.pool.tick();
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();

  CHECK(f.status(a).in_flight == 0);
  CHECK(f.status(b).in_flight == 0);
  CHECK(f.status(b).requests == picks_of_b.load());
  for (const std::uint64_t version : last_version) CHECK(version <= f.pool.version());
}

TEST_CASE("once watch_failures returns, the callback before it is not running and never runs again") {
  PoolFixture f;
  f.add(target("a"));
  std::atomic<bool> stop{false};
  std::thread loop([&] {
    Balancer balancer(f.pool, test::strategy("first"));
    while (!stop.load()) balancer.pick()->report(Outcome::failure);
  });
  for (int i = 0; i < 200; ++i) {
    auto calls = std::make_unique<int>(0);  // ASan's and TSan's to find when a call comes too late
    f.pool.watch_failures(1, [&calls] { ++*calls; });
    std::this_thread::yield();
    f.pool.watch_failures(1, {});
  }
  stop.store(true);
  loop.join();
}

TEST_CASE("whatever loops race for the last place, no target is above its limit and every place is used") {
  constexpr std::size_t loops = 4;
  constexpr std::uint32_t limit = 3;
  constexpr int picks = 20'000;
  const std::string name(GENERATE("roundrobin", "leastconn", "first"));
  CAPTURE(name);
  PoolFixture f;
  const std::array<TargetKey, 2> keys{f.add(target("a")), f.add(target("b"))};
  // What the loops know they hold, next to the library's own count.
  std::array<std::atomic<std::uint32_t>, 2> held{};
  std::atomic<int> exceeded{0};
  std::atomic<int> refused{0};
  std::atomic<int> wrong_error{0};
  std::barrier all_hold(loops);

  std::vector<std::unique_ptr<Strategy>> strategies;
  for (unsigned i = 0; i < loops; ++i) strategies.push_back(test::strategy(name, {1, i}));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops; ++i) {
    threads.emplace_back([&, i] {
      Balancer balancer(f.pool, std::move(strategies[i]));
      struct Held {
        Lease lease;
        std::atomic<std::uint32_t>* count = nullptr;
      };
      std::array<Held, 2> under_way;  // 8 in all for 6 places
      for (std::size_t n = 0; n < picks; ++n) {
        // Nobody lets go before all have asked for their share: some must have been refused.
        if (n == under_way.size()) all_hold.arrive_and_wait();
        Held& mine = under_way[n % under_way.size()];
        if (mine.lease) {
          mine.count->fetch_sub(1);
          mine.lease.release();
        }
        auto lease = balancer.pick({.max_in_flight = limit});
        if (!lease) {
          refused.fetch_add(1);
          if (lease.error().code != ErrorCode::over_limit) wrong_error.fetch_add(1);
          std::this_thread::yield();
          continue;
        }
        mine.count = &held[lease->key() == keys[0] ? 0 : 1];
        if (mine.count->fetch_add(1) >= limit) exceeded.fetch_add(1);
        mine.lease = std::move(*lease);
        if (f.pool.snapshot()->entries[0].counters->in_flight() > limit) exceeded.fetch_add(1);
        if (n % 8 == 0) std::this_thread::yield();
      }
      for (Held& mine : under_way) {
        if (mine.lease) mine.count->fetch_sub(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();

  CHECK(exceeded.load() == 0);
  CHECK(refused.load() >= 2);
  CHECK(wrong_error.load() == 0);
  for (const TargetKey key : keys) CHECK(f.status(key).in_flight == 0);
  Balancer balancer(f.pool, test::strategy("first"));
  std::vector<Lease> all;
  for (std::size_t i = 0; i < 2 * limit; ++i) {
    auto lease = balancer.pick({.max_in_flight = limit});
    REQUIRE(lease);
    all.push_back(std::move(*lease));
  }
  CHECK_FALSE(balancer.pick({.max_in_flight = limit}));
}
