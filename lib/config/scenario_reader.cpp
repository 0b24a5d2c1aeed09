// A scenario as a whole, and its fleet.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/document.hpp"
#include "config/nearest.hpp"
#include "config/scenario_parts.hpp"
#include "config/syntax.hpp"

namespace evenkeel::config {
namespace {

constexpr std::size_t max_sim_targets = 10'000;

template <auto Member>
void read_text(const Cursor& at, Scenario& scenario) {
  if (auto text = at.string("text")) scenario.*Member = *std::move(text);
}

void read_schema_url(const Cursor& at, Scenario&) {
  static_cast<void>(at.string("the URL of a schema"));
}

void read_strategies(const Cursor& at, Scenario& scenario) {
  if (!at.is_array("an array of strategies, each of which has a run")) return;
  if (at.json().empty()) return at.fail("is empty", one_of(strategy_names()));
  at.each_element([&](const Cursor& element) {
    const auto index = element.choice("strategy", strategy_names());
    if (!index) return;
    std::string name(strategy_names()[*index]);
    if (std::ranges::count(scenario.strategies, name) != 0)
      return element.fail("is there already", "each once");
    scenario.strategies.push_back(std::move(name));
  });
}

void read_sim_load(const Cursor& at, Scenario& scenario) {
  read_load(at, scenario.load);
}

void read_target_service(const Cursor& at, SimTarget& target) {
  read_service(at, target.service);
}

void read_target_weight(const Cursor& at, SimTarget& target) {
  if (const auto weight = at.whole_number(0, max_weight))
    target.target.weight = static_cast<std::uint32_t>(*weight);
}

void read_target_tier(const Cursor& at, SimTarget& target) {
  if (const auto tier = at.whole_number(0, 255)) target.target.tier = static_cast<std::uint32_t>(*tier);
}

void read_group(const Cursor& at, Scenario& scenario) {
  constexpr std::string_view form = "{\"name\": \"web\", \"count\": 3, \"service\": \"10ms\"}";
  if (!at.is_object(form)) return;
  SimTarget target;
  read_members(at, Table<SimTarget>{sim_target_fields(), target});
  const auto name_at = at.member("name");
  if (!name_at) return at.fail("has no \"name\"", std::string(form));
  const auto name = name_at->string("a name");
  if (!name) return;
  if (!is_dns_label(*name)) return name_at->fail_value("1 to 63 letters, digits and, inside, \"-\"");
  if (!targets_named(scenario, *name).empty()) return name_at->fail_value("a name that no other target has");
  target.group = *name;
  const auto count_at = at.member("count");
  const auto count = count_at ? count_at->whole_number(1, max_sim_targets) : std::optional<std::uint64_t>(1);
  if (!count) return;
  if (scenario.targets.size() + *count > max_sim_targets)
    return at.fail("is too many targets", fmt::format("at most {} in all", max_sim_targets));
  for (std::uint64_t i = 0; i < *count; ++i) {
    target.name = count_at ? fmt::format("{}-{}", *name, i) : *name;
    scenario.targets.push_back(target);
  }
}

void read_groups(const Cursor& at, Scenario& scenario) {
  if (!at.is_array("an array of targets")) return;
  if (at.json().empty())
    return at.fail("is empty", "[{\"name\": \"web\", \"count\": 3, \"service\": \"10ms\"}]");
  at.each_element([&](const Cursor& group) { read_group(group, scenario); });
}

// Where the text that stands for the scenario says something, the scenario does, at its "port".
std::string place_in(const std::string& pointer, std::string_view port, const Place& at) {
  const bool is_within =
      pointer.starts_with(port) && (pointer.size() == port.size() || pointer[port.size()] == '/');
  return at.pointer + (is_within ? pointer.substr(port.size()) : std::string());
}

void check_load(const Cursor& root, const Scenario& scenario) {
  if (scenario.warmup >= scenario.duration)
    root.fail("has a \"warmup\" that is as long as it is itself",
              "a \"warmup\" shorter than the \"duration\"");
  if (std::ranges::none_of(scenario.targets, &SimTarget::is_there))
    root.fail("begins without a target", "a target that is \"present\"");
}

Scenario read_scenario(const Cursor& root) {
  Scenario scenario;
  if (!root.is_object("an object with \"targets\" and \"load\"")) return scenario;
  read_members(root, Table<Scenario>{scenario_fields(), scenario});
  for (const auto& [key, example] :
       {std::pair{"targets", "[{\"name\": \"web\", \"count\": 3, \"service\": \"10ms\"}]"},
        std::pair{"load", "{\"rate\": 100}"}}) {
    if (!root.has(key)) root.fail(fmt::format("has no \"{}\"", key), fmt::format("\"{}\": {}", key, example));
  }
  static constexpr std::string_view protocols[] = {"http", "tcp", "udp"};
  const auto protocol_at = root.member("protocol");
  const auto chosen =
      protocol_at ? protocol_at->choice("protocol", protocols) : std::optional<std::size_t>(0);
  if (scenario.targets.empty() || !chosen) return scenario;
  for (SimTarget& target : scenario.targets) {
    target.target.scheme = *chosen == 0 ? Scheme::http : *chosen == 1 ? Scheme::tcp : Scheme::udp;
    target.target.host = target.name;
    target.target.port = 80;
  }
  const Json none = Json::object();
  const auto port_at = root.member("port").value_or(Cursor(none, root.place(), root.mistakes()));
  auto port = read_sim_port(port_at, protocols[*chosen], scenario.targets);
  if (!port) return scenario;
  scenario.port = *std::move(port);
  if (scenario.strategies.empty()) scenario.strategies = {scenario.port.strategy};
  check_load(root, scenario);
  if (const auto events = root.member("events")) read_events(*events, scenario);
  if (const auto expectations = root.member("expect")) read_expectations(*expectations, scenario);
  return scenario;
}

}  // namespace

std::optional<PortSpec> read_sim_port(const Cursor& at, std::string_view protocol,
                                      const std::vector<SimTarget>& targets) {
  if (!at.is_object("the settings of a port (docs/port-spec.md)")) return std::nullopt;
  if (const auto own = at.member("targets")) {
    own->fail("are the scenario's own", "\"targets\" at the top of the scenario");
    return std::nullopt;
  }
  if (const auto redirect = at.member("redirect")) {
    redirect->fail("has no meaning in a scenario", "no \"redirect\": it has no use for targets");
    return std::nullopt;
  }
  const std::string key = "80/" + std::string(protocol);
  Json port = at.json();
  for (const SimTarget& target : targets)
    port["targets"].push_back(
        {{"url", target.target.id()}, {"weight", target.target.weight}, {"tier", target.target.tier}});
  Json spec;
  spec["proxies"]["scenario"]["ports"][key] = std::move(port);
  spec["admin"] = false;
  auto config = parse_config(spec.dump());
  if (config) return std::move(config->ports.front());
  const std::string place = "/proxies/scenario/ports/" + pointer_token(key);
  for (SpecError& error : config.error()) {
    Place there = at.place();
    there.pointer = place_in(error.pointer, place, at.place());
    at.mistakes().add(there, std::move(error.problem), std::move(error.expected));
  }
  return std::nullopt;
}

std::span<const Field<SimTarget>> sim_target_fields() noexcept {
  static constexpr Field<SimTarget> fields[] = {
      {"name", read_later},
      {"count", read_later},
      {"service", read_target_service},
      {"concurrency", read_number<&SimTarget::concurrency, 1, 1'000'000>},
      {"queue", read_number<&SimTarget::queue, 0, 10'000'000>},
      {"weight", read_target_weight},
      {"tier", read_target_tier},
      {"present", read_flag<&SimTarget::is_there>},
  };
  return fields;
}

std::span<const Field<Scenario>> scenario_fields() noexcept {
  static constexpr Field<Scenario> fields[] = {
      {"$schema", read_schema_url},
      {"name", read_text<&Scenario::name>},
      {"about", read_text<&Scenario::about>},
      {"seed", read_number<&Scenario::seed, 0, 9'007'199'254'740'991>},
      {"duration", read_duration<&Scenario::duration>},
      {"warmup", read_duration_or_zero<&Scenario::warmup>},
      {"workers", read_number<&Scenario::workers, 1, 256>},
      {"protocol", read_later},
      {"strategies", read_strategies},
      {"targets", read_groups},
      {"load", read_sim_load},
      // Once the targets are known.
      {"port", read_later},
      {"events", read_later},
      {"expect", read_later},
  };
  return fields;
}

}  // namespace evenkeel::config

namespace evenkeel {

std::expected<Scenario, std::vector<SpecError>> parse_scenario(std::string_view text) {
  config::Mistakes mistakes;
  const auto document = config::read_document(text, mistakes);
  if (!document) return std::unexpected(std::vector<SpecError>{document.error()});
  Scenario scenario = config::read_scenario(config::Cursor(*document, {}, mistakes));
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes).take());
  return scenario;
}

}  // namespace evenkeel
