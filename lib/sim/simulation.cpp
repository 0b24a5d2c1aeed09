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

std::vector<std::string> series_of(const Scenario& scenario) {
  constexpr std::size_t few = 12;
  if (scenario.targets.size() > few) return groups_of(scenario);
  std::vector<std::string> names;
  names.reserve(scenario.targets.size());
  for (const SimTarget& target : scenario.targets) names.push_back(target.name);
  return names;
}

}  // namespace evenkeel
