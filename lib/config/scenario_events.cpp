// What happens when, and what has to hold.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "config/expectation.hpp"
#include "config/nearest.hpp"
#include "config/scenario_parts.hpp"

namespace evenkeel::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_events = 100'000;

// What an action needs besides its target.
struct Amount {
  SimAction action;
  std::string_view key;
  double least;
  double most;
  double unit;
};
constexpr std::array<Amount, 4> amounts{{{SimAction::slow, "factor", 0.001, 1e6, 1},
                                         {SimAction::fail, "percent", 0, 100, 0.01},
                                         {SimAction::reset, "percent", 0, 100, 0.01},
                                         {SimAction::weight, "to", 0, max_weight, 1}}};

constexpr std::array plain{SimAction::kill,   SimAction::start, SimAction::hang,        SimAction::slow,
                           SimAction::fail,   SimAction::reset, SimAction::fail_checks, SimAction::add,
                           SimAction::remove, SimAction::drain, SimAction::enable,      SimAction::weight};

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  names.reserve(plain.size() + 2);
  for (const SimAction action : plain) names.push_back(to_string(action));
  names.insert(names.end(), {"flap", "reload"});
  return names;
}

class EventReader {
 public:
  EventReader(const Cursor& at, Scenario& scenario) : at_(at), scenario_(scenario) {}

  void read() {
    if (!at_.is_object("an event such as {\"at\": \"10s\", \"kill\": \"web-1\"}")) return;
    const auto moment = at_.member("at");
    if (!moment) return at_.fail("has no \"at\"", "\"at\": \"10s\"");
    const auto when = moment->duration(0ms);
    if (!when) return;
    event_.at = *when;
    if (event_.at > scenario_.duration) return moment->fail_value("a moment before the end of the scenario");
    read_action();
  }

 private:
  void read_action() {
    const std::vector<std::string_view> names = action_names();
    std::optional<Cursor> found;
    std::string_view name;
    for (const std::string_view each : names) {
      const auto member = at_.member(each);
      if (!member) continue;
      if (found) return member->fail("is a second thing that happens", "one a time");
      found = member;
      name = each;
    }
    if (!found) {
      // Perhaps a typo, which the unknown keys tell.
      check_keys({}, names);
      return at_.fail("says nothing that happens", one_of(names));
    }
    event_.text = name;
    if (name == "reload") return read_reload(*found);
    if (!read_targets(*found)) return;
    if (name == "flap") return read_flap();
    for (const SimAction action : plain) {
      if (to_string(action) == name) event_.action = action;
    }
    read_amount(name);
  }

  // "at", the action, and these.
  void check_keys(std::vector<std::string_view> more, std::vector<std::string_view> names) {
    more.insert(more.end(), {"at"});
    more.insert(more.end(), names.begin(), names.end());
    at_.each_member([&](std::string_view key, const Cursor& value) {
      if (std::ranges::count(more, key) == 0)
        value.fail("unknown key" + did_you_mean(key, more), one_of(more));
    });
  }

  bool read_targets(const Cursor& named) {
    const auto add = [&](const Cursor& at) {
      const auto name = at.string("the name of a target or a group");
      if (!name) return;
      const std::vector<std::size_t> found = targets_named(scenario_, *name);
      if (found.empty()) return fail_unknown_target(at, scenario_, *name);
      event_.targets.insert(event_.targets.end(), found.begin(), found.end());
      event_.text += ' ' + *name;
    };
    if (named.json().is_array()) {
      named.each_element(add);
    } else {
      add(named);
    }
    return !event_.targets.empty();
  }

  void read_amount(std::string_view name) {
    if (event_.action == SimAction::fail_checks && scenario_.port.health.type != CheckType::http)
      return at_.fail("fails checks of a kind that passes while the target serves",
                      "\"port\": {\"health\": {\"type\": \"http\"}}");
    const auto found = std::ranges::find(amounts, event_.action, &Amount::action);
    check_keys(found == amounts.end() ? std::vector<std::string_view>() : std::vector{found->key}, {name});
    if (found == amounts.end()) return keep();
    const auto member = at_.member(found->key);
    if (!member) return at_.fail(fmt::format("has no \"{}\"", found->key), "a number");
    const auto amount = read_real(*member, found->least, found->most);
    if (!amount) return;
    event_.amount = *amount * found->unit;
    event_.text += fmt::format(" {} {}", found->key, *amount);
    keep();
  }

  void read_flap() {
    check_keys({"down", "up", "until"}, {"flap"});
    const auto duration = [&](std::string_view key) {
      const auto member = at_.member(key);
      if (!member) at_.fail(fmt::format("has no \"{}\"", key), "a duration such as \"2s\"");
      return member ? member->duration(1ms) : std::nullopt;
    };
    const auto down = duration("down");
    const auto up = duration("up");
    const auto until = duration("until");
    if (!down || !up || !until) return;
    const auto last = std::min(*until, scenario_.duration);
    while (event_.at < last && scenario_.events.size() < most_events) {
      event_.action = SimAction::kill;
      keep();
      event_.at = std::min(event_.at + *down, last);
      event_.action = SimAction::start;
      keep();
      event_.at += *up;
    }
  }

  void read_reload(const Cursor& port) {
    check_keys({}, {"reload"});
    event_.action = SimAction::reload;
    event_.names_strategy = port.json().is_object() &&
                            (port.json().contains("loadbalance") || port.json().contains("loadBalance"));
    event_.port = read_sim_port(port, to_string(scenario_.port.protocol), scenario_.targets);
    if (event_.port) keep();
  }

  void keep() { scenario_.events.push_back(event_); }

  const Cursor& at_;
  Scenario& scenario_;
  SimEvent event_;
};

bool is_known_strategy(const Cursor& at, const Scenario& scenario, const std::string& name) {
  if (name.empty() || std::ranges::count(scenario.strategies, name) != 0) return true;
  std::vector<std::string_view> known(scenario.strategies.begin(), scenario.strategies.end());
  at.fail("is about the strategy " + in_quotes(name) + ", which has no run" + did_you_mean(name, known),
          one_of(known));
  return false;
}

bool is_known_quantity(const Cursor& at, const Scenario& scenario, const Quantity& what) {
  if (!what.target.empty() && targets_named(scenario, what.target).empty()) {
    fail_unknown_target(at, scenario, what.target);
    return false;
  }
  return is_known_strategy(at, scenario, what.strategy);
}

}  // namespace

std::vector<std::size_t> targets_named(const Scenario& scenario, std::string_view name) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < scenario.targets.size(); ++i) {
    if (scenario.targets[i].name == name || scenario.targets[i].group == name) found.push_back(i);
  }
  return found;
}

void fail_unknown_target(const Cursor& at, const Scenario& scenario, std::string_view name) {
  std::vector<std::string_view> known;
  for (const SimTarget& target : scenario.targets) {
    for (const std::string_view each : {std::string_view(target.name), std::string_view(target.group)}) {
      if (std::ranges::count(known, each) == 0) known.push_back(each);
    }
  }
  constexpr std::size_t most_shown = 20;
  const std::string near = did_you_mean(name, known);
  known.resize(std::min(known.size(), most_shown));
  at.fail("names the target " + in_quotes(name) + ", which is none" + near, one_of(known));
}

void read_events(const Cursor& at, Scenario& scenario) {
  if (!at.is_array("an array of events")) return;
  at.each_element([&](const Cursor& event) { EventReader(event, scenario).read(); });
  std::ranges::stable_sort(scenario.events, {}, &SimEvent::at);
  if (scenario.events.size() >= most_events) at.fail("are too many", fmt::format("at most {}", most_events));
}

void read_expectations(const Cursor& at, Scenario& scenario) {
  if (!at.is_array("an array of expectations")) return;
  at.each_element([&](const Cursor& element) {
    const auto text = element.string("an expectation such as \"p99 < 80ms\"");
    if (!text) return;
    auto expected = parse_expectation(*text, scenario.warmup, scenario.duration);
    if (!expected) return element.fail("is " + in_quotes(*text), std::move(expected).error());
    if (expected->to > scenario.duration)
      return element.fail("is about a time behind the end of the scenario", "a time within its duration");
    if (!is_known_quantity(element, scenario, expected->left)) return;
    if (expected->right && !is_known_quantity(element, scenario, *expected->right)) return;
    scenario.expectations.push_back(*std::move(expected));
  });
}

}  // namespace evenkeel::config

namespace evenkeel {

std::string_view to_string(SimAction action) noexcept {
  switch (action) {
    case SimAction::kill:
      return "kill";
    case SimAction::start:
      return "start";
    case SimAction::hang:
      return "hang";
    case SimAction::slow:
      return "slow";
    case SimAction::fail:
      return "fail";
    case SimAction::reset:
      return "reset";
    case SimAction::fail_checks:
      return "failChecks";
    case SimAction::add:
      return "add";
    case SimAction::remove:
      return "remove";
    case SimAction::drain:
      return "drain";
    case SimAction::enable:
      return "enable";
    case SimAction::weight:
      return "weight";
    case SimAction::reload:
      return "reload";
  }
  return "";
}

}  // namespace evenkeel
