#include "evenkeel/simulation.hpp"

#include <algorithm>

#include "sim/engine.hpp"

namespace evenkeel {

SimRun simulate(const Scenario& scenario, const std::string& strategy) {
  return sim::Engine(scenario, strategy).run();
}

std::vector<std::string> groups_of(const Scenario& scenario) {
  std::vector<std::string> names;
  for (const SimTarget& target : scenario.targets) {
    if (std::ranges::count(names, target.group) == 0) names.push_back(target.group);
  }
  return names;
}

}  // namespace evenkeel
