#include "evenkeel/client_guard.hpp"

#include <array>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t seed = 7;

std::array<std::uint8_t, 4> client(unsigned number) {
  return {10, static_cast<std::uint8_t>(number >> 16U), static_cast<std::uint8_t>(number >> 8U),
          static_cast<std::uint8_t>(number)};
}

// How many requests pass at this moment, of `asked`.
int passed(ClientGuard& guard, const ClientGuard::Seat& seat, std::chrono::nanoseconds now,
           int asked = 1'000) {
  int count = 0;
  for (int i = 0; i < asked; ++i) count += guard.take(seat, now) == 0ns ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a burst passes, then the rate") {
  ClientGuard guard({.requests_per_second = 10, .burst = 5}, seed);
  ClientGuard::Seat seat;
  REQUIRE(guard.enter(client(1), seat));
  CHECK(passed(guard, seat, 1s) == 5);
  CHECK(guard.take(seat, 1s) == 100ms);  // until the next one
  CHECK(passed(guard, seat, 1s + 99ms) == 0);
  CHECK(passed(guard, seat, 1s + 100ms) == 1);
  CHECK(passed(guard, seat, 1s + 400ms) == 3);
  CHECK(passed(guard, seat, 1h) == 5);  // a long pause saves up one burst, not more
}

TEST_CASE("a burst that is left out is one second's worth") {
  ClientGuard guard({.requests_per_second = 3}, seed);
  ClientGuard::Seat seat;
  REQUIRE(guard.enter(client(1), seat));
  CHECK(passed(guard, seat, 1s) == 3);
}

TEST_CASE("clients do not share a bucket, connections of one client do") {
  ClientGuard guard({.requests_per_second = 10, .burst = 4}, seed);
  ClientGuard::Seat first;
  ClientGuard::Seat again;
  ClientGuard::Seat other;
  REQUIRE(guard.enter(client(1), first));
  REQUIRE(guard.enter(client(1), again));
  REQUIRE(guard.enter(client(2), other));
  CHECK(passed(guard, first, 1s) == 4);
  CHECK(passed(guard, again, 1s) == 0);
  CHECK(passed(guard, other, 1s) == 4);
}

TEST_CASE("hanging up does not refill the bucket") {
  ClientGuard guard({.requests_per_second = 1, .burst = 2}, seed);
  for (int connection = 0; connection < 3; ++connection) {
    ClientGuard::Seat seat;
    REQUIRE(guard.enter(client(1), seat));
    CHECK(passed(guard, seat, 1s) == (connection == 0 ? 2 : 0));
  }
}

TEST_CASE("a client has as many connections as it may, and one more when one has ended") {
  ClientGuard guard({.connections = 2}, seed);
  ClientGuard::Seat one;
  ClientGuard::Seat two;
  ClientGuard::Seat three;
  REQUIRE(guard.enter(client(1), one));
  REQUIRE(guard.enter(client(1), two));
  CHECK_FALSE(guard.enter(client(1), three));
  ClientGuard::Seat other;
  CHECK(guard.enter(client(2), other));
  two.leave();
  two.leave();  // once
  CHECK(guard.enter(client(1), three));
  CHECK_FALSE(guard.enter(client(1), two));
  CHECK(passed(guard, one, 1s) == 1'000);  // no rate was asked for
}

TEST_CASE("who came under an older limit counts under the new one") {
  ClientGuard guard({.connections = 2}, seed);
  ClientGuard::Seat one;
  ClientGuard::Seat two;
  ClientGuard::Seat three;
  REQUIRE(guard.enter(client(1), one));
  REQUIRE(guard.enter(client(1), two));
  guard.set_limits({.requests_per_second = 3, .connections = 2});
  CHECK_FALSE(guard.enter(client(1), three));
  CHECK(passed(guard, one, 1s) == 3);
  guard.set_limits({.connections = 3});
  CHECK(guard.enter(client(1), three));
}

TEST_CASE("who has used up an older rate has the new one") {
  ClientGuard guard({.requests_per_second = 1, .burst = 60}, seed);
  ClientGuard::Seat one;
  REQUIRE(guard.enter(client(1), one));
  CHECK(passed(guard, one, 1s) == 60);
  guard.set_limits({.requests_per_second = 1'000, .burst = 100});
  CHECK(passed(guard, one, 1s) == 0);
  CHECK(passed(guard, one, 1s + 10ms) == 10);
}

TEST_CASE("a moved seat is left once") {
  ClientGuard guard({.connections = 1}, seed);
  ClientGuard::Seat seat;
  REQUIRE(guard.enter(client(1), seat));
  ClientGuard::Seat moved = std::move(seat);
  seat.leave();
  ClientGuard::Seat second;
  CHECK_FALSE(guard.enter(client(1), second));
  moved = ClientGuard::Seat();
  CHECK(guard.enter(client(1), second));
}

TEST_CASE("memory is fixed: more clients than slots are served, and those with connections stay limited") {
  ClientGuard guard({.requests_per_second = 1, .burst = 1, .connections = 1}, seed, 8);
  std::vector<ClientGuard::Seat> seats(8);
  for (unsigned i = 0; i < 8; ++i) REQUIRE(guard.enter(client(i), seats[i]));
  ClientGuard::Seat extra;
  CHECK(guard.enter(client(100), extra));  // unlimited, as there is nowhere to count it
  CHECK(passed(guard, extra, 1s) == 1'000);
  ClientGuard::Seat second;
  CHECK_FALSE(guard.enter(client(3), second));
  CHECK(passed(guard, seats[3], 1s) == 1);
  seats[5].leave();
  CHECK(guard.enter(client(101), second));  // takes over the slot that is free
  CHECK(passed(guard, second, 1s) == 1);
}

TEST_CASE("loops that share a guard count one client together") {
  ClientGuard guard({.requests_per_second = 1, .burst = 500}, seed);
  std::atomic<int> all{0};
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&] {
      for (int connection = 0; connection < 50; ++connection) {
        ClientGuard::Seat seat;
        if (!guard.enter(client(1), seat)) continue;
        all += passed(guard, seat, 1s, 10);
      }
    });
  }
  for (std::thread& loop : loops) loop.join();
  CHECK(all == 500);
}
