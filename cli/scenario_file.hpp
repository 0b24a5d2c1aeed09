// From the SCENARIO argument to what can run, or to what is wrong with it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "evenkeel/scenario.hpp"

namespace evenkeel::cli {

// Reads files (blocking): the scenario, "-" being standard input, and the recorded times that it names, by
// paths that begin at its folder.
std::expected<Scenario, std::vector<SpecError>> load_scenario(const std::string& path);

}  // namespace evenkeel::cli
