#include "simulate.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <uv.h>

#include "evenkeel/live_run.hpp"
#include "evenkeel/simulation.hpp"

#include "descriptor_limit.hpp"
#include "scenario_file.hpp"
#include "scenario_report.hpp"
#include "scenario_results.hpp"
#include "spec_file.hpp"

namespace evenkeel::cli {
namespace {

// To its end. What the system refuses is told.
std::optional<SimRun> run_live(const Scenario& scenario, const std::string& strategy) {
  uv_loop_t loop{};
  if (uv_loop_init(&loop) != 0) return std::nullopt;
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  std::optional<SimRun> ended;
  {
    LogSink silent;
    const auto refused = [](const Error& error) {
      fmt::print(stderr, "the scenario cannot be run: {}\n", describe(error));
    };
    LiveRun run(&loop, scenario, strategy, silent, [&](Result<SimRun> result) {
      if (!result) return refused(result.error());
      ended = *std::move(result);
    });
    if (const auto started = run.start(); !started) refused(started.error());
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  // What was closed last.
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return ended;
}

}  // namespace

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
  // Later than that, and what was measured is the loop itself.
  constexpr std::chrono::milliseconds in_time{50};
  // More than one of a hundred, and it was another load.
  constexpr std::uint64_t most_unsent = 100;
  std::vector<SimRun> runs;
  for (const std::string& strategy : scenario->strategies) {
    auto run = options.live ? run_live(*scenario, strategy) : evenkeel::simulate(*scenario, strategy);
    if (!run) return ExitCode::internal;
    if (run->unsent > run->total.requests / most_unsent) {
      fmt::print(stderr,
                 "{}: {} of {} requests could not be sent in time: this machine cannot carry the load, and "
                 "nothing is judged\n",
                 strategy, run->unsent, run->total.requests);
      return ExitCode::internal;
    }
    if (run->late > in_time) {
      fmt::print(
          stderr,
          "{}: requests were sent up to {} ms late: this machine cannot carry the load, or had other work\n",
          strategy, std::chrono::duration_cast<std::chrono::milliseconds>(run->late).count());
    }
    runs.push_back(*std::move(run));
  }
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
