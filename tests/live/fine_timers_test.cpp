#include "live/fine_timers.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace std::chrono_literals;

TEST_CASE("timers happen in order and not before their time, those that are added meanwhile, too") {
  uv_loop_t loop{};
  REQUIRE(uv_loop_init(&loop) == 0);
  std::string order;
  {
    live::FineTimers timers(&loop);
    const auto at = [&](sim::Nanos when, char what) {
      return [&timers, &order, when, what] {
        CHECK(timers.elapsed() >= when);
        order += what;
      };
    };
    timers.agenda().add(300us, at(300us, 'b'));
    timers.agenda().add(100us, [&, first = at(100us, 'a')] {
      first();
      timers.add(200us, at(200us, 'x'));
    });
    timers.agenda().add(900us, [&] { timers.end(); });
    timers.agenda().add(901us, [&] { order += "never"; });
    REQUIRE(timers.begin());
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(order == "axb");
  CHECK(uv_loop_close(&loop) == 0);
}
