// Consistent hashing with bounded loads.
#include <algorithm>
#include <cmath>
#include <map>

#include "strategy/fleet.hpp"

using namespace evenkeel;
using test::Fleet;

namespace {

class Bounded : public Fleet {
 public:
  explicit Bounded(const std::vector<std::uint32_t>& weights, std::uint32_t balance_factor = 125)
      : Fleet("hash", weights, 1, 0, balance_factor) {}

  // Work of one client, which goes on.
  TargetKey start_for(std::uint64_t client) { return busy.emplace_back(pick({.affinity = client})).key(); }
  std::uint32_t most_in_flight() {
    std::uint32_t most = 0;
    for (const TargetStatus& status : pool.status()) most = std::max(most, status.in_flight);
    return most;
  }
};

}  // namespace

TEST_CASE("one client that asks for much gets no more of its target than the bound") {
  const std::uint32_t factor = GENERATE(101U, 125U, 200U, 1'000U);
  Bounded fleet({1, 1, 1, 1}, factor);
  for (std::uint32_t i = 1; i <= 400; ++i) {
    fleet.start_for(7);
    CHECK(fleet.most_in_flight() <= std::ceil(i * factor / 100.0 / 4));
  }
}

TEST_CASE("without a bound one client's work is all on its target") {
  Bounded fleet({1, 1, 1, 1}, 0);
  for (int i = 0; i < 100; ++i) fleet.start_for(7);
  CHECK(fleet.most_in_flight() == 100);
}

TEST_CASE("a bound is a share by weight") {
  Bounded fleet({3, 1});
  for (int i = 0; i < 400; ++i) fleet.start_for(7);
  CHECK(fleet.in_flight(0) <= 375);
  CHECK(fleet.in_flight(1) <= 125);
}

TEST_CASE("below the bound clients stay where they are without one") {
  Bounded bounded({1, 1, 1, 1, 1});
  Fleet free("hash", {1, 1, 1, 1, 1});
  for (std::uint64_t client = 0; client < 1'000; ++client) {
    CHECK(bounded.pick({.affinity = client}).target().id() == free.pick({.affinity = client}).target().id());
  }
}

TEST_CASE("what is over the bound of one target goes to the same others each time") {
  const auto places = [] {
    Bounded fleet({1, 1, 1, 1});
    std::vector<TargetKey> keys;
    for (int i = 0; i < 50; ++i) keys.push_back(fleet.start_for(7));
    return keys;
  };
  CHECK(places() == places());
}

TEST_CASE("a bound keeps a thousand targets within it, though it counts them seldom") {
  Bounded fleet(std::vector<std::uint32_t>(1'000, 1), 125);
  for (std::uint64_t i = 0; i < 10'000; ++i) fleet.start_for(i % 50);
  CHECK(fleet.most_in_flight() <= 13);
}

TEST_CASE("a bound gives way to what is excluded") {
  Bounded fleet({1, 1, 1});
  std::vector<TargetKey> exclude;
  for (const TargetStatus& status : fleet.pool.status()) exclude.push_back(status.key);
  exclude.pop_back();
  for (int i = 0; i < 20; ++i) {
    fleet.busy.push_back(fleet.pick({.exclude = exclude, .affinity = 7}));
    CHECK(fleet.busy.back().key() != exclude[0]);
    CHECK(fleet.busy.back().key() != exclude[1]);
  }
}
