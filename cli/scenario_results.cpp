#include "scenario_results.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "duration_text.hpp"
#include "text_table.hpp"

namespace evenkeel::cli {
namespace {

// Three digits are as much as can be believed.
std::string ms_text(double ms) {
  if (ms < 10) return fmt::format("{:.2f}ms", ms);
  if (ms < 100) return fmt::format("{:.1f}ms", ms);
  if (ms < 10'000) return fmt::format("{:.0f}ms", ms);
  return fmt::format("{:.1f}s", ms / 1'000);
}

std::string percent_text(double share) {
  return fmt::format("{:.1f}%", share * 100);
}

double part(std::uint64_t some, std::uint64_t all) noexcept {
  return all == 0 ? 0 : static_cast<double>(some) / static_cast<double>(all);
}

std::vector<double> shares_of_groups(const Scenario& scenario, const std::vector<std::string>& groups,
                                     const SimTally& tally) {
  std::vector<std::uint64_t> served(groups.size());
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < scenario.targets.size(); ++i) {
    const auto group = std::ranges::find(groups, scenario.targets[i].group) - groups.begin();
    served[static_cast<std::size_t>(group)] += tally.served[i];
    all += tally.served[i];
  }
  std::vector<double> shares;
  shares.reserve(served.size());
  for (const std::uint64_t each : served) shares.push_back(part(each, all));
  return shares;
}

// What the target that has the least, and the one that has the most, have of the answers.
std::string spread_text(const SimTally& tally) {
  std::uint64_t all = 0;
  for (const std::uint64_t each : tally.served) all += each;
  const auto [least, most] = std::ranges::minmax(tally.served);
  return fmt::format("{:.1f}-{:.1f}%", part(least, all) * 100, part(most, all) * 100);
}

std::string load_text(const SimLoad& load) {
  if (load.rate.empty()) return fmt::format("{} clients", load.clients);
  if (load.rate.size() == 1) return fmt::format("{} requests/s", load.rate.front().rate);
  const auto [least, most] = std::ranges::minmax_element(load.rate, {}, &LoadPoint::rate);
  return fmt::format("{} to {} requests/s", least->rate, most->rate);
}

// By what the words are about: "80ms", "12%", "3".
std::string value_text(const Quantity& what, double value) {
  switch (what.metric) {
    case Metric::latency:
    case Metric::latency_mean:
    case Metric::latency_max:
      return ms_text(value);
    case Metric::error_share:
    case Metric::retry_share:
    case Metric::share:
    case Metric::moved:
      return fmt::format("{:.2f}%", value * 100);
    default:
      return fmt::format("{}", value);
  }
}

std::string found_text(const Scenario& scenario, const SimVerdict& verdict) {
  const Quantity& what = scenario.expectations[verdict.expectation].left;
  if (!verdict.is_of_nothing) return value_text(what, verdict.value);
  return what.metric == Metric::share ? "no answer" : "no request";
}

void print_verdicts(const Scenario& scenario, std::span<const SimVerdict> verdicts) {
  if (verdicts.empty()) return;
  TextTable table({"", "EXPECTED", "STRATEGY", "FOUND", "LIMIT"});
  for (const SimVerdict& verdict : verdicts) {
    const Expectation& expected = scenario.expectations[verdict.expectation];
    table.add({verdict.holds ? "ok" : "FAILS", expected.text, verdict.strategy, found_text(scenario, verdict),
               value_text(expected.left, verdict.limit)});
  }
  fmt::print("\n");
  table.print();
}

Json tally_json(const Scenario& scenario, const SimTally& tally) {
  Json targets = Json::object();
  for (std::size_t i = 0; i < scenario.targets.size(); ++i)
    targets[scenario.targets[i].name] = {{"served", tally.served[i]}, {"in_flight_max", tally.in_flight[i]}};
  return {{"requests", tally.requests},   {"errors", tally.errors},       {"retries", tally.retries},
          {"ejections", tally.ejections}, {"mean_ms", tally.mean},        {"p50_ms", tally.p50},
          {"p90_ms", tally.p90},          {"p99_ms", tally.p99},          {"p99_9_ms", tally.p999},
          {"max_ms", tally.max},          {"targets", std::move(targets)}};
}

Json moments_json(const std::vector<SimMoment>& moments) {
  Json all = Json::array();
  for (const SimMoment& moment : moments)
    all.push_back({{"at_ms", moment.at.count()},
                   {"requests", moment.requests},
                   {"errors", moment.errors},
                   {"retries", moment.retries},
                   {"p50_ms", moment.p50},
                   {"p99_ms", moment.p99},
                   {"served", moment.served},
                   {"in_flight", moment.in_flight},
                   {"usable", moment.usable}});
  return all;
}

Json run_json(const Scenario& scenario, const SimRun& run) {
  Json health = Json::array();
  for (const SimHealthChange& change : run.health)
    health.push_back({{"at_ms", change.at.count()},
                      {"target", scenario.targets[change.target].name},
                      {"from", to_string(change.from)},
                      {"to", to_string(change.to)},
                      {"reason", change.reason}});
  return {{"strategy", run.strategy},
          {"late_ms", std::chrono::duration<double, std::milli>(run.late).count()},
          {"total", tally_json(scenario, run.total)},
          {"moments", moments_json(run.moments)},
          {"health", std::move(health)}};
}

}  // namespace

void print_results(const Scenario& scenario, std::span<const SimRun> runs,
                   std::span<const SimVerdict> verdicts) {
  fmt::print("{}{}{}\n", scenario.name, scenario.about.empty() ? "" : ": ", scenario.about);
  fmt::print("{} targets, {}, {}{}, seed {}\n\n", scenario.targets.size(), load_text(scenario.load),
             duration_text(scenario.duration),
             scenario.warmup.count() == 0 ? "" : " after " + duration_text(scenario.warmup) + " of warm-up",
             scenario.seed);
  const std::vector<std::string> groups = groups_of(scenario);
  constexpr std::size_t most_columns = 6;
  // One alone has everything.
  const std::size_t shown = groups.size() == 1 ? 0 : std::min(groups.size(), most_columns);
  TextTable::Row head{"STRATEGY", "REQUESTS", "P50",    "P90",     "P99",
                      "P99.9",    "MAX",      "ERRORS", "RETRIES", "LEAST-MOST"};
  for (std::size_t i = 0; i < shown; ++i) head.push_back(groups[i]);
  TextTable table(std::move(head));
  for (const SimRun& run : runs) {
    const SimTally& total = run.total;
    TextTable::Row row{run.strategy,
                       std::to_string(total.requests),
                       ms_text(total.p50),
                       ms_text(total.p90),
                       ms_text(total.p99),
                       ms_text(total.p999),
                       ms_text(total.max),
                       percent_text(part(total.errors, total.requests)),
                       percent_text(part(total.retries, total.requests)),
                       spread_text(total)};
    const std::vector<double> shares = shares_of_groups(scenario, groups, total);
    for (std::size_t i = 0; i < shown; ++i) row.push_back(percent_text(shares[i]));
    table.add(std::move(row));
  }
  table.print();
  print_verdicts(scenario, verdicts);
}

Json results_json(const Scenario& scenario, std::span<const SimRun> runs,
                  std::span<const SimVerdict> verdicts) {
  Json json{{"name", scenario.name},
            {"about", scenario.about},
            {"seed", scenario.seed},
            {"duration_ms", scenario.duration.count()},
            {"warmup_ms", scenario.warmup.count()},
            {"series", series_of(scenario)},
            {"events", Json::array()},
            {"runs", Json::array()},
            {"expectations", Json::array()}};
  for (const SimEvent& event : scenario.events)
    json["events"].push_back({{"at_ms", event.at.count()}, {"what", event.text}});
  for (const SimRun& run : runs) json["runs"].push_back(run_json(scenario, run));
  for (const SimVerdict& verdict : verdicts) {
    const Expectation& expected = scenario.expectations[verdict.expectation];
    json["expectations"].push_back({{"text", expected.text},
                                    {"strategy", verdict.strategy},
                                    {"found", found_text(scenario, verdict)},
                                    {"limit", value_text(expected.left, verdict.limit)},
                                    {"value", verdict.value},
                                    {"holds", verdict.holds}});
  }
  return json;
}

}  // namespace evenkeel::cli
