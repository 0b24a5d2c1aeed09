#include "health/check_state.hpp"

#include <catch2/catch.hpp>

using evenkeel::health::CheckState;
using evenkeel::health::Verdict;

TEST_CASE("the first result decides at once") {
  CheckState good(5, 5);
  CHECK(good.verdict() == Verdict::none);
  CHECK(good.record(true, false) == Verdict::up);

  CheckState bad(5, 5);
  CHECK(bad.record(false, false) == Verdict::down);
  CHECK(bad.verdict() == Verdict::down);
}

TEST_CASE("it takes fall failures in a row to go down and rise passes to come back") {
  CheckState state(2, 3);
  state.record(true, false);

  CHECK_FALSE(state.record(false, false));
  CHECK_FALSE(state.record(false, false));
  CHECK_FALSE(state.record(true, false));  // breaks the row
  CHECK_FALSE(state.record(false, false));
  CHECK_FALSE(state.record(false, false));
  CHECK(state.record(false, false) == Verdict::down);

  CHECK_FALSE(state.record(true, false));
  CHECK_FALSE(state.record(false, false));
  CHECK_FALSE(state.record(true, false));
  CHECK(state.record(true, false) == Verdict::up);
}

TEST_CASE("a result that repeats the verdict is no news") {
  CheckState state(1, 1);
  CHECK(state.record(true, false) == Verdict::up);
  CHECK_FALSE(state.record(true, false));
  CHECK(state.record(false, false) == Verdict::down);
  CHECK_FALSE(state.record(false, false));
}

TEST_CASE("a failure of our own making is forgotten") {
  CheckState state(1, 2);
  CHECK_FALSE(state.record(false, true));
  CHECK(state.verdict() == Verdict::none);
  state.record(true, false);

  CHECK_FALSE(state.record(false, false));
  CHECK_FALSE(state.record(false, true));  // neither counts nor breaks the row
  CHECK(state.verdict() == Verdict::up);
  CHECK(state.record(false, false) == Verdict::down);

  SECTION("but a pass counts, however late it was read") {
    CHECK(state.record(true, true) == Verdict::up);
  }
}

TEST_CASE("counts of zero mean one") {
  CheckState state(0, 0);
  state.record(true, false);
  CHECK(state.record(false, false) == Verdict::down);
  CHECK(state.record(true, false) == Verdict::up);
}
