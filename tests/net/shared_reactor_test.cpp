#include "net/shared_reactor.hpp"

#include <memory>
#include <optional>
#include <thread>

#include <catch2/catch.hpp>
#include <uv.h>

#include "proxy/loop_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::net;

namespace {

std::size_t handles_of(uv_loop_t* loop) {
  std::size_t count = 0;
  uv_walk(
      loop,
      [](uv_handle_t* handle, void* counted) {
        if (uv_is_closing(handle) == 0) ++*static_cast<std::size_t*>(counted);
      },
      &count);
  return count;
}

// Goes off on the loop, when there is a reactor to make it.
bool timer_works(testing::Loop& loop, SharedReactor& user) {
  bool fired = false;
  Timeout timeout([](void* seen) { *static_cast<bool*>(seen) = true; }, &fired);
  user.get().timeouts().prepare({std::chrono::milliseconds(1)});
  user.get().timeouts().set(timeout, std::chrono::milliseconds(1));
  return loop.run_until([&] { return fired; });
}

}  // namespace

TEST_CASE("two users of a loop have one reactor") {
  testing::Loop loop;
  SharedReactor one(loop.get());
  const std::size_t handles = handles_of(loop.get());
  SharedReactor two(loop.get());
  CHECK(&one.get() == &two.get());
  CHECK(handles_of(loop.get()) == handles);
  one.leave();
  two.leave();
}

TEST_CASE("users of different loops do not") {
  testing::Loop first;
  testing::Loop second;
  SharedReactor one(first.get());
  SharedReactor two(second.get());
  CHECK(&one.get() != &two.get());
  CHECK(one.get().loop() == first.get());
  CHECK(two.get().loop() == second.get());
  one.leave();
  two.leave();
}

TEST_CASE("the last user to leave closes it, in whatever order, and twice is once") {
  testing::Loop loop;
  SharedReactor one(loop.get());
  SharedReactor two(loop.get());
  const bool older_first = GENERATE(true, false);
  SharedReactor& leaving = older_first ? one : two;
  SharedReactor& staying = older_first ? two : one;
  leaving.leave();
  leaving.leave();
  CHECK(handles_of(loop.get()) > 0);
  CHECK(timer_works(loop, staying));
  staying.leave();
  CHECK(handles_of(loop.get()) == 0);
}

TEST_CASE("destroying a user is leaving") {
  testing::Loop loop;
  auto one = std::make_unique<SharedReactor>(loop.get());
  SharedReactor two(loop.get());
  one.reset();
  CHECK(timer_works(loop, two));
  two.leave();
  CHECK(handles_of(loop.get()) == 0);
}

TEST_CASE("who comes after the last has left gets a new one") {
  testing::Loop loop;
  SharedReactor before(loop.get());
  before.leave();
  SharedReactor after(loop.get());
  // The old one is an object still: `before` has it.
  CHECK(&after.get() != &before.get());
  CHECK(timer_works(loop, after));
  after.leave();
}

TEST_CASE("a loop that comes to the address of one that is gone gets a reactor of its own") {
  alignas(testing::Loop) std::byte place[sizeof(testing::Loop)];
  for (int round = 0; round < 3; ++round) {
    auto* loop = new (place) testing::Loop;
    {
      SharedReactor user(loop->get());
      CHECK(user.get().loop() == loop->get());
      CHECK(timer_works(*loop, user));
    }
    loop->~Loop();  // checks that no handle is left
  }
}

TEST_CASE("threads have their own") {
  // Both loops are opened and closed on this thread: libuv closes descriptors in a way that
  // ThreadSanitizer does not see, and a number used again on the other thread looks like a race.
  testing::Loop loop;
  testing::Loop loop_of_other;
  bool other_works = false;
  std::thread other([&] {
    SharedReactor one(loop_of_other.get());
    SharedReactor two(loop_of_other.get());
    other_works = &one.get() == &two.get() && timer_works(loop_of_other, one);
    one.leave();
    two.leave();
    loop_of_other.run_until([&] { return handles_of(loop_of_other.get()) == 0; });
  });
  SharedReactor mine(loop.get());
  CHECK(timer_works(loop, mine));
  mine.leave();
  other.join();
  CHECK(other_works);
}
