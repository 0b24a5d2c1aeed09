#include "net/timeouts.hpp"

#include <vector>

#include <catch2/catch.hpp>
#include <uv.h>

using evenkeel::net::Timeout;
using evenkeel::net::Timeouts;
using std::chrono::milliseconds;

namespace {

struct LoopFixture {
  LoopFixture() { uv_loop_init(&loop); }
  ~LoopFixture() {
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }
  uv_loop_t loop{};
  int events = 0;
};

struct Fired {
  std::vector<int>* order;
  int number;
};

void note(void* owner) {
  auto* fired = static_cast<Fired*>(owner);
  fired->order->push_back(fired->number);
}

}  // namespace

TEST_CASE_METHOD(LoopFixture, "time-outs fire by their deadline, whatever order they were set in") {
  Timeouts timeouts(&loop, [](void* self) { ++static_cast<LoopFixture*>(self)->events; }, this);
  std::vector<int> order;
  Fired late{&order, 2};
  Fired soon{&order, 1};
  Timeout second(note, &late);
  Timeout first(note, &soon);
  timeouts.set(second, milliseconds(40));
  timeouts.set(first, milliseconds(1));
  uv_run(&loop, UV_RUN_DEFAULT);  // ends by itself: with nothing set the timer does not run
  CHECK(order == std::vector{1, 2});
  CHECK(events == 2);
  timeouts.close();
}

TEST_CASE_METHOD(LoopFixture, "a cancelled, destroyed or reset time-out does not fire at its old deadline") {
  Timeouts timeouts(&loop, [](void*) {}, nullptr);
  std::vector<int> order;
  Fired one{&order, 1};
  Fired two{&order, 2};
  Timeout cancelled(note, &one);
  Timeout moved(note, &two);
  timeouts.set(cancelled, milliseconds(1));
  cancelled.cancel();
  {
    Timeout destroyed(note, &one);
    timeouts.set(destroyed, milliseconds(1));
  }
  timeouts.set(moved, milliseconds(1));
  timeouts.set(moved, milliseconds(30));
  const std::uint64_t start = uv_now(&loop);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(order == std::vector{2});
  CHECK(uv_now(&loop) - start >= 30);
  timeouts.close();
}

TEST_CASE_METHOD(LoopFixture, "a time-out may set itself again, with another duration, while it fires") {
  Timeouts timeouts(&loop, [](void*) {}, nullptr);
  struct Again {
    Timeouts& timeouts;
    int count = 0;
    Timeout timeout{[](void* owner) {
                      auto* self = static_cast<Again*>(owner);
                      if (++self->count < 4) self->timeouts.set(self->timeout, milliseconds(self->count));
                    },
                    this};
  } again{timeouts};
  timeouts.set(again.timeout, milliseconds(1));
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(again.count == 4);
  timeouts.close();
}
