#include "strategy/candidates.hpp"

using namespace evenkeel;
using test::Candidates;
using test::picks;

TEST_CASE("first always takes the first of the list, whatever the weights") {
  const Candidates candidates({1, 100, 5});
  const auto first = test::make("first", candidates);
  CHECK(picks(*first, candidates, 5) == "aaaaa");
}

TEST_CASE("first passes over what is excluded, in the order of the list") {
  const Candidates candidates({1, 1, 1});
  const auto first = test::make("first", candidates);
  const TargetKey a[] = {0};
  const TargetKey ab[] = {1, 0};
  CHECK(picks(*first, candidates, 2, {.exclude = a}) == "bb");
  CHECK(picks(*first, candidates, 2, {.exclude = ab}) == "cc");
}

TEST_CASE("first moves on when its target leaves and returns with it") {
  Candidates candidates({1, 1, 1});
  const auto first = test::make("first", candidates);
  candidates.set_present(0, false);
  first->rebuild(candidates.list());
  CHECK(picks(*first, candidates, 2) == "bb");
  candidates.set_present(0, true);
  first->rebuild(candidates.list());
  CHECK(picks(*first, candidates, 2) == "aa");
}
