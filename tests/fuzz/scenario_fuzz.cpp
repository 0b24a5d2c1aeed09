// Whatever the text, parse_scenario() answers with a scenario that can run or with mistakes that say where
// they are; and what is small enough runs to its end.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "evenkeel/scenario.hpp"
#include "evenkeel/simulation.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_small(const evenkeel::Scenario& scenario) {
  const double seconds = std::chrono::duration<double>(scenario.duration).count();
  double most = scenario.load.clients * 5'000.0;
  for (const evenkeel::LoadPoint& point : scenario.load.rate) most = std::max(most, point.rate);
  std::size_t recorded = 0;
  for (const evenkeel::SimTarget& target : scenario.targets) recorded += target.service.file.size();
  return recorded == 0 && scenario.targets.size() <= 20 && scenario.load.keys <= 1'000 && seconds <= 600 &&
         most * seconds <= 20'000 && scenario.expectations.size() <= 10 && scenario.workers <= 4;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto scenario = evenkeel::parse_scenario({reinterpret_cast<const char*>(data), size});
  if (!scenario) {
    require(!scenario.error().empty());
    return 0;
  }
  require(!scenario->strategies.empty());
  require(scenario->port.targets.size() == scenario->targets.size());
  if (!is_small(*scenario)) return 0;
  const evenkeel::SimRun run = evenkeel::simulate(*scenario, scenario->strategies.front());
  std::uint64_t served = 0;
  for (const std::uint64_t each : run.total.served) served += each;
  require(served + run.total.errors == run.total.requests);
  (void)evenkeel::judge(*scenario, {&run, 1});
  return 0;
}
