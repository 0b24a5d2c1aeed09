// Scenarios for tests, from JSON with single quotes.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

#include "evenkeel/simulation.hpp"

namespace fleets {

inline evenkeel::Scenario scenario(std::string_view text) {
  std::string json(text);
  std::ranges::replace(json, '\'', '"');
  auto read = evenkeel::parse_scenario(json);
  if (!read) FAIL(read.error().front().text());
  return *std::move(read);
}

inline evenkeel::SimRun run(std::string_view text, const std::string& strategy = "roundrobin") {
  return evenkeel::simulate(scenario(text), strategy);
}

}  // namespace fleets
