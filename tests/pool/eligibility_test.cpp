#include "pool/eligibility.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using pool::eligible;
using pool::Standing;
using Indices = std::vector<std::uint32_t>;

namespace {

// One letter a target: u up, ? unknown, d down, e ejected. A '|' begins the next tier.
std::vector<Standing> standings(std::string_view text) {
  std::vector<Standing> all;
  std::uint32_t tier = 0;
  for (const char c : text) {
    switch (c) {
      case '|':
        ++tier;
        break;
      case 'u':
        all.push_back({.tier = tier, .health = Health::up});
        break;
      case '?':
        all.push_back({.tier = tier, .health = Health::unknown});
        break;
      case 'd':
        all.push_back({.tier = tier, .health = Health::down});
        break;
      case 'e':
        all.push_back({.tier = tier, .health = Health::ejected});
        break;
      default:
        FAIL("no such letter: " << c);
    }
  }
  return all;
}

Indices eligible(std::string_view text, unsigned panic_percent = 0) {
  return eligible(standings(text), panic_percent);
}

}  // namespace

TEST_CASE("only targets that are up get new work") {
  CHECK(eligible("uud") == Indices{0, 1});
  CHECK(eligible("due") == Indices{1});
  CHECK(eligible("?u?") == Indices{1});
}

TEST_CASE("with none up, those that no check has seen yet are tried") {
  CHECK(eligible("???") == Indices{0, 1, 2});
  CHECK(eligible("d?e") == Indices{1});
}

TEST_CASE("with none up and none unknown there is no target") {
  CHECK(eligible("dde").empty());
  CHECK(eligible("").empty());
}

TEST_CASE("draining, disabled and weightless targets get nothing, and count for nothing") {
  auto targets = standings("uuuu");
  targets[0].admin = AdminState::draining;
  targets[1].admin = AdminState::disabled;
  targets[2].weight = 0;
  CHECK(eligible(targets, 0) == Indices{3});
  targets[3].health = Health::down;
  CHECK(eligible(targets, 0).empty());
  CHECK(eligible(targets, 50) == Indices{3});
}

TEST_CASE("a higher tier is used only when no lower one has a target") {
  CHECK(eligible("uu|uu") == Indices{0, 1});
  CHECK(eligible("du|uu") == Indices{1});
  CHECK(eligible("dd|du") == Indices{3});
  CHECK(eligible("dd|dd|u") == Indices{4});
}

TEST_CASE("a target that is up in a high tier comes before an unknown one in a low tier") {
  CHECK(eligible("??|u") == Indices{2});
  CHECK(eligible("dd|??|?") == Indices{2, 3});
}

TEST_CASE("a tier without enabled targets is passed over") {
  auto targets = standings("u|u");
  targets[0].admin = AdminState::draining;
  CHECK(eligible(targets, 0) == Indices{1});
}

TEST_CASE("in panic all targets of the tier are used") {
  CHECK(eligible("uddd", 50) == Indices{0, 1, 2, 3});
  CHECK(eligible("u?ed", 50) == Indices{0, 1, 2, 3});
  CHECK(eligible("uudd", 50) == Indices{0, 1});  // exactly half is not fewer
  CHECK(eligible("uddd", 25) == Indices{0});
  CHECK(eligible("uddd", 0) == Indices{0});
  CHECK(eligible("uuud", 100) == Indices{0, 1, 2, 3});
  CHECK(eligible("uuuu", 1'000) == Indices{0, 1, 2, 3});
}

TEST_CASE("with all down, panic uses the lowest tier and no panic uses nothing") {
  CHECK(eligible("dd|dd", 50) == Indices{0, 1});
  CHECK(eligible("dd|dd", 0).empty());
  CHECK(eligible("dd|d?", 50) == Indices{3});  // an unknown one is a better bet than a dead one
}

TEST_CASE("a weak tier falls back on a strong one before it panics") {
  CHECK(eligible("uddd|uu", 50) == Indices{4, 5});
  CHECK(eligible("uddd|udd|uuu", 50) == Indices{7, 8, 9});
}

TEST_CASE("when all tiers are weak the lowest with any target up panics") {
  CHECK(eligible("uddd|uddd", 50) == Indices{0, 1, 2, 3});
  CHECK(eligible("dddd|uddd", 50) == Indices{4, 5, 6, 7});
}

TEST_CASE("the members of a tier are all that could be used, whatever their health") {
  auto targets = standings("u?de|ud");
  targets[1].admin = AdminState::draining;
  CHECK(pool::members_of(targets, 0) == Indices{0, 2, 3});
  targets[2].weight = 0;
  targets[3].admin = AdminState::disabled;
  CHECK(pool::members_of(targets, 0) == Indices{0});
  CHECK(pool::members_of(targets, 1) == Indices{4, 5});
  CHECK(pool::members_of(targets, 2).empty());
}
