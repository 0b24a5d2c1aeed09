#include <set>

#include "strategy/candidates.hpp"

using namespace evenkeel;

TEST_CASE("every listed strategy can be made and knows its name") {
  const auto names = strategy_names();
  CHECK(std::vector<std::string_view>(names.begin(), names.end()) ==
        std::vector<std::string_view>{"roundrobin", "leastconn", "first", "random", "p2c", "ewma", "hotcold",
                                      "hash"});
  for (const auto name : names) CHECK(test::make(name)->name() == name);
}

TEST_CASE("an unknown strategy is an error, never a silent default") {
  for (const auto name : {"", "roundRobin", "round_robin", "roundrobin ", "leastcon"}) {
    const auto maker = find_strategy(name);
    REQUIRE_FALSE(maker);
    CHECK(maker.error().code == ErrorCode::unknown_strategy);
  }
}

TEST_CASE("every strategy honours exclusion, whatever remains") {
  const std::string name(GENERATE("roundrobin", "leastconn", "first", "random", "hash"));
  const auto weights =
      GENERATE(std::vector<std::uint32_t>{1, 1, 1, 1}, std::vector<std::uint32_t>{1000, 1, 3, 1});
  CAPTURE(name, weights);
  const test::Candidates candidates(weights);
  const auto strategy = test::make(name, candidates);
  for (unsigned allowed = 1; allowed < 16; ++allowed) {
    std::vector<TargetKey> exclude;
    for (TargetKey key = 0; key < 4; ++key) {
      if ((allowed >> key & 1U) == 0) exclude.push_back(key);
    }
    std::set<std::size_t> seen;
    for (int i = 0; i < 50; ++i) seen.insert(strategy->pick({.exclude = exclude}));
    for (const std::size_t index : seen) CHECK((allowed >> index & 1U) == 1);
  }
}
