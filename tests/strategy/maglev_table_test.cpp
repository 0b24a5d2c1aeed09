#include "strategy/maglev_table.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/random.hpp"

using evenkeel::base::Random;
using evenkeel::strategy::MaglevTable;

namespace {

using Weights = std::vector<std::uint32_t>;

// Targets http://10.0.a.b:80 with these weights.
struct Fleet {
  explicit Fleet(const Weights& weights) {
    names.reserve(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      names.push_back("http://10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":80");
      targets.push_back({names.back(), weights[i]});
    }
    table.build(targets);
  }
  [[nodiscard]] std::vector<std::uint32_t> slots() const {
    std::vector<std::uint32_t> slots(targets.size());
    for (std::uint32_t slot = 0; slot < MaglevTable::size; ++slot) ++slots.at(table.owner(slot));
    return slots;
  }
  [[nodiscard]] std::vector<std::string_view> owners() const {
    std::vector<std::string_view> owners;
    for (std::uint32_t slot = 0; slot < MaglevTable::size; ++slot)
      owners.push_back(targets.at(table.owner(slot)).name);
    return owners;
  }

  std::vector<std::string> names;
  std::vector<MaglevTable::Target> targets;
  MaglevTable table;
};

Weights equal(std::size_t count) {
  return Weights(count, 1);
}

}  // namespace

TEST_CASE("equal targets own the same number of slots, to one") {
  // The paper's section 5.3: almost perfectly even, whatever the size of the table. Most to least is 1.0002
  // with 10 targets and 1.016 with 1,000.
  const std::size_t count = GENERATE(1U, 2U, 3U, 10U, 100U, 1'000U, 10'000U, 65'535U);
  CAPTURE(count);
  const auto slots = Fleet(equal(count)).slots();
  const auto [least, most] = std::ranges::minmax(slots);
  CHECK(least == MaglevTable::size / count);
  CHECK(most - least <= 1);
}

TEST_CASE("weights are exact to one slot, however large, odd or many") {
  Weights ramp(1'000);
  std::iota(ramp.begin(), ramp.end(), 1U);
  const auto weights = GENERATE_COPY(Weights{1, 2, 3}, Weights{100, 200, 300},
                                     Weights{65'535, 65'534, 65'533}, Weights{65'535, 1'000, 7}, ramp);
  CAPTURE(weights.size(), weights.front());
  const auto slots = Fleet(weights).slots();
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double share = weights[i] / total * MaglevTable::size;
    if (std::abs(slots[i] - share) > 1.01) FAIL("weight " << weights[i] << ": " << slots[i]);
  }
}

TEST_CASE("a weight too small for a slot gets one") {
  Weights weights(5'000, 1);
  weights.front() = 65'535;
  weights.back() = 65'535;
  const auto slots = Fleet(weights).slots();
  for (std::size_t i = 1; i + 1 < weights.size(); ++i) REQUIRE(slots[i] == 1);
  CHECK(slots.front() + slots.back() == MaglevTable::size - 4'998);
  CHECK(std::max(slots.front(), slots.back()) - std::min(slots.front(), slots.back()) <= 1);
}

TEST_CASE("more targets than 16 bits can number: some own nothing, the rest one slot or two") {
  const auto slots = Fleet(equal(70'000)).slots();
  CHECK(std::ranges::count(slots, 0U) == 70'000 - 65'535);
  CHECK(std::ranges::max(slots) == 2);
}

TEST_CASE("the order of the list means nothing") {
  Random random(1);
  Fleet fleet({1, 2, 3, 4, 5, 1, 1, 1, 9, 9, 1, 3});
  const auto owners = fleet.owners();
  for (int i = 0; i < 10; ++i) {
    for (std::size_t left = fleet.targets.size(); left > 1; --left) {
      std::swap(fleet.targets[left - 1], fleet.targets[random.below(static_cast<std::uint32_t>(left))]);
    }
    fleet.table.build(fleet.targets);
    REQUIRE(fleet.owners() == owners);
  }
}

TEST_CASE("the table is the same in every version: its first owners") {
  const Fleet fleet({1, 1, 2, 3});
  std::string first;
  for (std::uint32_t slot = 0; slot < 40; ++slot) first += std::to_string(fleet.table.owner(slot));
  CHECK(first == "3332033223312201022123333330233322332003");
}

TEST_CASE("when a target goes, the slots of the others hardly move") {
  // Slots that change their owner though it is still there. Measured: 0.25 %, 0.58 % and 0.88 % of all.
  const auto [count, allowed] =
      GENERATE(table<std::size_t, double>({{10, 0.004}, {100, 0.008}, {1'000, 0.012}}));
  CAPTURE(count);
  Fleet fleet(equal(count));
  const auto before = fleet.owners();
  const std::string_view gone = fleet.targets[count / 2].name;
  fleet.targets.erase(fleet.targets.begin() + static_cast<std::ptrdiff_t>(count / 2));
  fleet.table.build(fleet.targets);
  const auto after = fleet.owners();
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != gone && before[i] != after[i] ? 1 : 0;
  CHECK(static_cast<double>(moved) / MaglevTable::size < allowed);
}
