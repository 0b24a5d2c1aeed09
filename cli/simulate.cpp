#include "simulate.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "evenkeel/simulation.hpp"

#include "scenario_file.hpp"
#include "scenario_report.hpp"
#include "scenario_results.hpp"
#include "spec_file.hpp"

namespace evenkeel::cli {

ExitCode simulate(const SimulateOptions& options) {
  auto scenario = load_scenario(options.scenario);
  if (!scenario) {
    print_errors(options.scenario, scenario.error());
    return ExitCode::bad_spec;
  }
  if (options.seed) scenario->seed = *options.seed;
  if (!options.strategies.empty()) {
    scenario->strategies = options.strategies;
    // What is expected of those that have no run now is not asked.
    const auto has_no_run = [&](const Quantity& what) {
      return !what.strategy.empty() && std::ranges::count(scenario->strategies, what.strategy) == 0;
    };
    std::erase_if(scenario->expectations, [&](const Expectation& each) {
      return has_no_run(each.left) || (each.right && has_no_run(*each.right));
    });
  }
  std::vector<SimRun> runs;
  for (const std::string& strategy : scenario->strategies)
    runs.push_back(evenkeel::simulate(*scenario, strategy));
  const std::vector<SimVerdict> verdicts = judge(*scenario, runs);
  if (options.json) {
    fmt::print("{}\n",
               results_json(*scenario, runs, verdicts).dump(1, ' ', false, Json::error_handler_t::replace));
  } else {
    print_results(*scenario, runs, verdicts);
  }
  if (!options.report.empty()) {
    if (const auto written = write_report(options.report, *scenario, runs, verdicts); !written) {
      fmt::print(stderr, "{}: {}\n", options.report, written.error());
      return ExitCode::internal;
    }
  }
  const bool all_hold = std::ranges::all_of(verdicts, &SimVerdict::holds);
  return all_hold ? ExitCode::ok : ExitCode::failed;
}

}  // namespace evenkeel::cli
