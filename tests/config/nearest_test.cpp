#include "config/nearest.hpp"

#include <catch2/catch.hpp>

using evenkeel::config::did_you_mean;
using evenkeel::config::nearest;
using evenkeel::config::one_of;

namespace {

constexpr std::string_view keys[] = {"interval", "timeout", "rise", "fall", "path", "via"};

}  // namespace

TEST_CASE("a slip of the finger is recognised") {
  CHECK(nearest("intervall", keys) == "interval");
  CHECK(nearest("inerval", keys) == "interval");
  CHECK(nearest("intexval", keys) == "interval");
  CHECK(nearest("tiemout", keys) == "timeout");
  CHECK(nearest("time_out", keys) == "timeout");
  CHECK(nearest("PATH", keys) == "path");
}

TEST_CASE("neighbours that were swapped count as one mistake") {
  constexpr std::string_view pair[] = {"axb", "ba"};
  CHECK(nearest("ab", pair) == "axb");  // both one step away: the first
  CHECK(nearest("vai", keys) == "via");
}

TEST_CASE("the nearest wins, not the first") {
  CHECK(nearest("fal", keys) == "fall");
}

TEST_CASE("another word is no typo") {
  CHECK(nearest("port", keys) == "");
  CHECK(nearest("x", keys) == "");
  CHECK(nearest("", keys) == "");
  CHECK(nearest("tls", keys) == "");
  CHECK(nearest(std::string(10'000, 'a'), keys) == "");
  CHECK(nearest("rise", {}) == "");
}

TEST_CASE("hints read as a sentence") {
  constexpr std::string_view two[] = {"a", "b"};
  CHECK(did_you_mean("pth", keys) == " (did you mean \"path\"?)");
  CHECK(did_you_mean("zebra", keys) == "");
  CHECK(one_of(two) == "one of \"a\", \"b\"");
  CHECK(one_of(std::span(two).first(1)) == "\"a\"");
}
