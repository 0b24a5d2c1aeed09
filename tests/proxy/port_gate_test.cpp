#include "evenkeel/port_gate.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace evenkeel;

TEST_CASE("a gate gives as many places as it has, and takes them back") {
  PortGate gate(2, 0);
  CHECK(gate.enter());
  CHECK(gate.enter());
  CHECK_FALSE(gate.enter());
  CHECK(gate.inside() == 2);
  gate.leave();
  CHECK(gate.inside() == 1);
  CHECK(gate.enter());
  CHECK_FALSE(gate.enter());
}

TEST_CASE("a gate with no places lets nobody in") {
  PortGate gate(0, 0);
  CHECK_FALSE(gate.enter());
  CHECK_FALSE(gate.queue_up());
  CHECK(gate.inside() == 0);
  CHECK(gate.waiting() == 0);
}

TEST_CASE("places to wait in are counted for themselves") {
  PortGate gate(1, 2);
  REQUIRE(gate.enter());
  CHECK(gate.queue_up());
  CHECK(gate.queue_up());
  CHECK_FALSE(gate.queue_up());
  CHECK(gate.waiting() == 2);
  gate.stop_waiting();
  CHECK(gate.waiting() == 1);
  CHECK(gate.queue_up());
  CHECK(gate.inside() == 1);
}

TEST_CASE("loops are told of room only while somebody waits") {
  PortGate gate(1, 1);
  int told = 0;
  gate.on_room([&] { ++told; });
  REQUIRE(gate.enter());
  gate.leave();
  gate.made_room();
  CHECK(told == 0);
  REQUIRE(gate.enter());
  REQUIRE(gate.queue_up());
  gate.leave();
  CHECK(told == 1);
  gate.made_room();
  CHECK(told == 2);
  gate.stop_waiting();
  gate.made_room();
  CHECK(told == 2);
}

TEST_CASE("the place is free by the time a loop is told") {
  PortGate gate(1, 1);
  bool got_it = false;
  gate.on_room([&] { got_it = gate.enter(); });
  REQUIRE(gate.enter());
  REQUIRE(gate.queue_up());
  gate.leave();
  CHECK(got_it);
}

TEST_CASE("all subscribed loops are told, and none that has unsubscribed") {
  PortGate gate(1, 1);
  int first = 0;
  int second = 0;
  const std::uint64_t token = gate.on_room([&] { ++first; });
  const std::uint64_t other = gate.on_room([&] { ++second; });
  CHECK(token != other);
  REQUIRE(gate.queue_up());
  gate.made_room();
  gate.unsubscribe(token);
  gate.unsubscribe(token);  // nothing more to do
  gate.made_room();
  CHECK(first == 1);
  CHECK(second == 2);
}

TEST_CASE("who came in under an older limit is counted under the new one") {
  PortGate gate(2, 0);
  REQUIRE(gate.enter());
  REQUIRE(gate.enter());
  gate.set_limits(1, 1);
  gate.leave();
  CHECK_FALSE(gate.enter());
  CHECK(gate.queue_up());
  gate.stop_waiting();
  gate.leave();
  CHECK(gate.enter());
}

TEST_CASE("a higher limit is told to who waits") {
  PortGate gate(1, 1);
  int told = 0;
  gate.on_room([&] { ++told; });
  REQUIRE(gate.enter());
  REQUIRE(gate.queue_up());
  gate.set_limits(2, 1);
  CHECK(told == 1);
  CHECK(gate.enter());
}

TEST_CASE("a loop that has fewer than its share comes in, and another one gives a place back for it") {
  PortGate gate(4, 0);
  int told = 0;
  for (int loop = 0; loop < 2; ++loop) gate.on_room([&] { ++told; });
  CHECK(gate.share() == 2);
  for (int i = 0; i < 4; ++i) REQUIRE(gate.enter());
  CHECK_FALSE(gate.give_back_excess());
  gate.enter_anyway();
  CHECK(told == 2);
  CHECK(gate.give_back_excess());
  CHECK_FALSE(gate.give_back_excess());
  CHECK(gate.inside() == 4);
}

TEST_CASE("with more loops than places each has one") {
  PortGate gate(1, 0);
  for (int loop = 0; loop < 3; ++loop) gate.on_room([] {});
  CHECK(gate.share() == 1);
}

TEST_CASE("threads never hold more places than there are, and lose none") {
  constexpr std::uint32_t most = 3;
  constexpr int rounds = 20'000;
  PortGate gate(most, 1);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<std::uint32_t> highest{0};
  std::atomic<int> entered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        if (!gate.enter()) continue;
        const std::uint32_t now = ++inside;
        std::uint32_t seen = highest;
        while (seen < now && !highest.compare_exchange_weak(seen, now)) {
        }
        ++entered;
        --inside;
        gate.leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(highest <= most);
  CHECK(entered >= rounds);  // whoever is alone gets in each time
  CHECK(gate.inside() == 0);
  for (std::uint32_t i = 0; i < most; ++i) CHECK(gate.enter());
  CHECK_FALSE(gate.enter());
}

// One who waits and one who leaves, at the same moment: who waits must get in, or be told.
TEST_CASE("no wake-up is lost between threads") {
  for (int round = 0; round < 3'000; ++round) {
    PortGate gate(1, 1);
    std::atomic<bool> told{false};
    gate.on_room([&] { told = true; });
    REQUIRE(gate.enter());
    bool got_in = false;
    std::thread waiting([&] {
      if (!gate.queue_up()) return;
      got_in = gate.enter();
    });
    gate.leave();
    waiting.join();
    REQUIRE((got_in || told));
  }
}
