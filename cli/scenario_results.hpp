// What a scenario has shown, for people and for programs.
#pragma once

#include <span>
#include <string>

#include "evenkeel/simulation.hpp"

#include "json.hpp"

namespace evenkeel::cli {

void print_results(const Scenario& scenario, std::span<const SimRun> runs,
                   std::span<const SimVerdict> verdicts);

// The same whenever the scenario is: no time of day, no duration of the run.
Json results_json(const Scenario& scenario, std::span<const SimRun> runs,
                  std::span<const SimVerdict> verdicts);

}  // namespace evenkeel::cli
