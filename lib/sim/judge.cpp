// What is expected of a scenario, and whether it holds.
#include <algorithm>

#include "evenkeel/simulation.hpp"

namespace evenkeel {
namespace {

double share_of(double part, double whole) noexcept {
  return whole == 0 ? 0 : part / whole;
}

// Of the targets that have the name, or are of the group; of all when it is empty.
template <class T, class Add>
void for_targets(const Scenario& scenario, const std::string& name, const std::vector<T>& values, Add add) {
  for (std::size_t i = 0; i < scenario.targets.size(); ++i) {
    const SimTarget& target = scenario.targets[i];
    if (name.empty() || target.name == name || target.group == name) add(values[i]);
  }
}

double measure(const Scenario& scenario, const Quantity& what, const SimTally& tally, double quantile) {
  const auto requests = static_cast<double>(tally.requests);
  switch (what.metric) {
    case Metric::latency:
      return quantile;
    case Metric::latency_mean:
      return tally.mean;
    case Metric::latency_max:
      return tally.max;
    case Metric::requests:
      return requests;
    case Metric::errors:
      return static_cast<double>(tally.errors);
    case Metric::error_share:
      return share_of(static_cast<double>(tally.errors), requests);
    case Metric::retries:
      return static_cast<double>(tally.retries);
    case Metric::retry_share:
      return share_of(static_cast<double>(tally.retries), requests);
    case Metric::share: {
      double its = 0;
      double all = 0;
      for_targets(scenario, what.target, tally.served,
                  [&](std::uint64_t served) { its += static_cast<double>(served); });
      for (const std::uint64_t served : tally.served) all += static_cast<double>(served);
      return share_of(its, all);
    }
    case Metric::in_flight_max: {
      std::uint32_t most = 0;
      for_targets(scenario, what.target, tally.in_flight,
                  [&](std::uint32_t count) { most = std::max(most, count); });
      return most;
    }
    case Metric::moved:
      return tally.moved;
    case Metric::ejections:
      return static_cast<double>(tally.ejections);
  }
  return 0;
}

// Whether there was anything to say it of.
bool says_something(Metric metric, const SimTally& tally) noexcept {
  switch (metric) {
    case Metric::latency:
    case Metric::latency_mean:
    case Metric::latency_max:
    case Metric::errors:
    case Metric::error_share:
    case Metric::retries:
    case Metric::retry_share:
    case Metric::moved:
      return tally.requests != 0;
    case Metric::share:
      return std::ranges::any_of(tally.served, [](std::uint64_t served) { return served != 0; });
    case Metric::requests:
    case Metric::in_flight_max:
    case Metric::ejections:
      break;
  }
  return true;
}

bool holds(Relation relation, double value, double limit) noexcept {
  switch (relation) {
    case Relation::less:
      return value < limit;
    case Relation::at_most:
      return value <= limit;
    case Relation::more:
      return value > limit;
    case Relation::at_least:
      return value >= limit;
    case Relation::equal:
      return value == limit;
  }
  return false;
}

}  // namespace

std::vector<SimVerdict> judge(const Scenario& scenario, std::span<const SimRun> runs) {
  std::vector<SimVerdict> verdicts;
  for (std::size_t i = 0; i < scenario.expectations.size(); ++i) {
    const Expectation& expected = scenario.expectations[i];
    for (const SimRun& run : runs) {
      if (!expected.left.strategy.empty() && expected.left.strategy != run.strategy) continue;
      const double value = measure(scenario, expected.left, run.expectations[i], run.quantiles[i].left);
      bool is_of_nothing = !says_something(expected.left.metric, run.expectations[i]);
      double limit = expected.value;
      if (expected.right) {
        const std::string& other = expected.right->strategy.empty() ? run.strategy : expected.right->strategy;
        const auto found = std::ranges::find(runs, other, &SimRun::strategy);
        if (found == runs.end()) continue;
        is_of_nothing = is_of_nothing || !says_something(expected.right->metric, found->expectations[i]);
        limit *= measure(scenario, *expected.right, found->expectations[i], found->quantiles[i].right);
      }
      const bool is_so = !is_of_nothing && holds(expected.relation, value, limit);
      verdicts.push_back({i, run.strategy, value, limit, is_so, is_of_nothing});
    }
  }
  return verdicts;
}

}  // namespace evenkeel
