#include "sim/recorder.hpp"

#include <algorithm>
#include <utility>

namespace evenkeel::sim {
namespace {

constexpr std::size_t most_changes = 10'000;
constexpr std::size_t most_moments = 600;

// Of each target, by its name or its group's.
std::vector<std::size_t> series_of_targets(const Scenario& scenario) {
  const std::vector<std::string> names = series_of(scenario);
  std::vector<std::size_t> all;
  for (const SimTarget& target : scenario.targets) {
    const auto found = std::ranges::find_if(
        names, [&](const std::string& name) { return name == target.name || name == target.group; });
    all.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return all;
}

}  // namespace

Recorder::Recorder(const Scenario& scenario, std::string strategy)
    : scenario_(scenario),
      last_targets_(scenario.load.keys, nobody),
      course_(series_of_targets(scenario), series_of(scenario).size()) {
  run_.strategy = std::move(strategy);
  windows_.emplace_back(scenario.warmup, scenario.duration, scenario.targets.size());
  for (const Expectation& each : scenario.expectations)
    windows_.emplace_back(each.from, each.to, scenario.targets.size());
}

Nanos Recorder::moment_length(const Scenario& scenario) {
  const auto share = scenario.duration / most_moments;
  return std::max<Nanos>(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(share));
}

void Recorder::plan(Timers& timers, const std::function<void()>& look) {
  for (Window& window : windows_) {
    timers.add(window.from(), [this, &window] { window.begin(last_targets_); });
    if (window.to() < scenario_.duration)
      timers.add(window.to(), [this, &window] { window.end(last_targets_); });
  }
  const Nanos length = moment_length(scenario_);
  for (Nanos at = length; at <= scenario_.duration; at += length) timers.add(at, look);
}

void Recorder::add(const Ending& ending, std::uint32_t client) {
  for (Window& window : windows_) {
    if (window.has(ending.came)) window.add(ending);
  }
  course_.add(ending);
  if (ending.target != nobody) last_targets_[client] = ending.target;
}

void Recorder::add_retries(Nanos at, std::uint64_t count) {
  for (Window& window : windows_) {
    if (window.has(at)) window.add_retries(count);
  }
  course_.add_retries(count);
}

void Recorder::see_in_flight(Nanos at, std::size_t target, std::uint32_t count) {
  for (Window& window : windows_) {
    if (window.has(at)) window.see_in_flight(target, count);
  }
}

void Recorder::add_health(Nanos at, std::size_t target, const HealthEvent& event) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at);
  if (run_.health.size() < most_changes)
    run_.health.push_back({ms, target, event.from, event.to, std::string(event.reason)});
  if (event.to != Health::ejected) return;
  for (Window& window : windows_) {
    if (window.has(at)) window.add_ejection();
  }
}

SimRun Recorder::finish() {
  const Nanos end = scenario_.duration;
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (windows_[i].to() >= end) windows_[i].end(last_targets_);
    (i == 0 ? run_.total : run_.expectations.emplace_back()) = windows_[i].tally();
  }
  for (std::size_t i = 0; i < scenario_.expectations.size(); ++i) {
    const Expectation& expected = scenario_.expectations[i];
    const Window& window = windows_[i + 1];
    SimQuantiles& quantiles = run_.quantiles.emplace_back();
    quantiles.left = window.quantile(expected.left.quantile);
    if (expected.right) quantiles.right = window.quantile(expected.right->quantile);
  }
  run_.moments = course_.take();
  return std::move(run_);
}

Health first_health(const PortSpec& port) noexcept {
  return port.health.type == CheckType::none ? Health::up : Health::unknown;
}

std::optional<TargetKey> apply_to_pool(TargetPool& pool, const SimEvent& event, const Target& target,
                                       const PortSpec& port) {
  switch (event.action) {
    case SimAction::add: {
      const auto key = pool.add(target, first_health(port));
      return key ? std::optional(*key) : std::nullopt;
    }
    case SimAction::remove:
      (void)pool.remove(target.id());
      break;
    case SimAction::drain:
      (void)pool.set_admin(target.id(), AdminState::draining);
      break;
    case SimAction::enable:
      (void)pool.set_admin(target.id(), AdminState::enabled);
      break;
    case SimAction::weight:
      (void)pool.set_weight(target.id(), static_cast<std::uint32_t>(event.amount));
      break;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace evenkeel::sim
