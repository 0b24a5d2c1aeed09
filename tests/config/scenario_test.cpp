#include "evenkeel/scenario.hpp"

#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "config/scenario_parts.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

namespace {

std::string with(std::string_view more) {
  return R"({"targets": [{"name": "web", "count": 3}], "load": {"rate": 100})" + std::string(more) + "}";
}

Scenario read(const std::string& text) {
  auto scenario = parse_scenario(text);
  if (!scenario) FAIL(scenario.error().front().text());
  return *std::move(scenario);
}

std::vector<std::string> errors(const std::string& text) {
  const auto scenario = parse_scenario(text);
  REQUIRE_FALSE(scenario);
  std::vector<std::string> all;
  for (const SpecError& error : scenario.error()) all.push_back(error.text());
  return all;
}

std::string error(const std::string& text) {
  const auto all = errors(text);
  return all.size() == 1 ? all.front() : std::to_string(all.size()) + " errors: " + all.front();
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.at("properties").items()) keys.push_back(key);
  std::ranges::sort(keys);
  return keys;
}

template <class T>
std::vector<std::string> keys_of(std::span<const config::Field<T>> fields) {
  std::vector<std::string> keys;
  for (const auto& field : fields) keys.emplace_back(field.key);
  std::ranges::sort(keys);
  return keys;
}

}  // namespace

TEST_CASE("the least that a scenario says, and what it means") {
  const Scenario scenario = read(with(""));
  CHECK(scenario.duration == 60s);
  CHECK(scenario.strategies == std::vector<std::string>{"roundrobin"});
  REQUIRE(scenario.targets.size() == 3);
  CHECK(scenario.targets[2].name == "web-2");
  CHECK(scenario.targets[2].group == "web");
  CHECK(scenario.targets[2].service == ServiceTime{});
  REQUIRE(scenario.port.targets.size() == 3);
  CHECK(scenario.port.targets[2].id() == "http://web-2:80");
  CHECK(scenario.port.health.type == CheckType::tcp);
  REQUIRE(scenario.load.rate.size() == 1);
  CHECK(scenario.load.rate[0].rate == 100);
}

TEST_CASE("a port is read as one of a spec") {
  const Scenario scenario =
      read(with(R"(, "protocol": "udp", "port": {"health": {"interval": "1s"}, "slowStart": "5s"})"));
  CHECK(scenario.strategies == std::vector<std::string>{"hash"});
  CHECK(scenario.port.health.interval == 1s);
  CHECK(scenario.port.pool.slow_start == 5s);
  CHECK(errors(with(R"(, "port": {"health": {"intervall": "1s"}, "loadbalance": "best"})")) ==
        std::vector<std::string>{errors(with(R"(, "port": {"health": {"intervall": "1s"}})")).front(),
                                 errors(with(R"(, "port": {"loadbalance": "best"})")).front()});
  CHECK(error(with(R"(, "port": {"loadbalance": "best"})"))
            .starts_with("/port/loadbalance: unknown strategy \"best\""));
  CHECK(error(with(R"(, "port": {"targets": []})")).starts_with("/port/targets: are the scenario's own"));
  CHECK(error(with(R"(, "port": {"redirect": "https://a.example/"})"))
            .starts_with("/port/redirect: has no meaning in a scenario"));
}

TEST_CASE("service times") {
  const auto service = [](std::string_view json) {
    return read(R"({"targets": [{"name": "a", "service": )" + std::string(json) +
                R"(}], "load": {"rate": 1}})")
        .targets[0]
        .service;
  };
  CHECK(service(R"("250us")").scale == 250us);
  CHECK(service(R"({"exponential": "1.5ms"})").kind == ServiceTime::Kind::exponential);
  CHECK(service(R"({"lognormal": {"median": "10ms", "sigma": 0.5}})").shape == 0.5);
  CHECK(service(R"({"pareto": {"least": "5ms", "alpha": 1.5}})").scale == 5ms);
  CHECK(service(R"({"recorded": "times.csv"})").file == "times.csv");
  const auto wrong = [](std::string_view json) {
    return error(R"({"targets": [{"name": "a", "service": )" + std::string(json) +
                 R"(}], "load": {"rate": 1}})");
  };
  CHECK(wrong(R"("fast")").starts_with("/targets/0/service: is \"fast\"; expected a time with a unit"));
  CHECK(wrong(R"({"lognormal": {"median": "10ms"}})")
            .starts_with("/targets/0/service/lognormal: has no \"sigma\""));
  CHECK(wrong(R"({"pareto": {"least": "5ms", "alpha": 1}})")
            .starts_with("/targets/0/service/pareto/alpha: is 1; expected"));
  CHECK(wrong(R"({"normal": "5ms"})").starts_with("/targets/0/service/normal: unknown key"));
}

TEST_CASE("load") {
  const auto load = [](std::string_view json) {
    return R"({"targets": [{"name": "a"}], "load": )" + std::string(json) + "}";
  };
  CHECK(read(load(R"({"rate": [["0s", 1], ["10s", 5.5]]})")).load.rate[1].at == 10s);
  CHECK(read(load(R"({"clients": 5, "think": "1s"})")).load.clients == 5);
  CHECK(error(load("{}")).starts_with("/load: has neither \"rate\" nor \"clients\""));
  CHECK(error(load(R"({"rate": 1, "clients": 5})")).starts_with("/load: has both"));
  CHECK(error(load(R"({"rate": [["1s", 1]]})")).starts_with("/load/rate/0/0: is \"1s\"; expected \"0s\""));
  CHECK(error(load(R"({"rate": [["0s", 1], ["0s", 2]]})"))
            .starts_with("/load/rate/1/0: is \"0s\"; expected a moment later"));
  CHECK(error(load(R"({"rate": -1})")).starts_with("/load/rate: is -1"));
}

TEST_CASE("events are of targets and groups, in order of time") {
  const Scenario scenario = read(with(R"(, "events": [
    {"at": "20s", "weight": ["web-0", "web-1"], "to": 5}, {"at": "10s", "slow": "web", "factor": 2.5},
    {"at": "30s", "flap": "web-2", "down": "1s", "up": "4s", "until": "38s"}, {"at": "50s", "reload": {"loadbalance": "first"}}])"));
  const auto& events = scenario.events;
  REQUIRE(events.size() == 7);
  CHECK(events[0].action == SimAction::slow);
  CHECK(events[0].targets == std::vector<std::size_t>{0, 1, 2});
  CHECK(events[0].amount == 2.5);
  CHECK(events[0].text == "slow web factor 2.5");
  CHECK(events[1].targets == std::vector<std::size_t>{0, 1});
  CHECK(events[2].action == SimAction::kill);
  CHECK(events[3].action == SimAction::start);
  CHECK(events[3].at == 31s);
  CHECK(events[4].at == 35s);
  CHECK(events[6].port->strategy == "first");
}

TEST_CASE("events that are wrong") {
  const auto wrong = [](std::string_view event) {
    return error(with(R"(, "events": [)" + std::string(event) + "]"));
  };
  CHECK(wrong(R"({"kill": "web"})").starts_with("/events/0: has no \"at\""));
  CHECK(wrong(R"({"at": "2m", "kill": "web"})")
            .starts_with("/events/0/at: is \"2m\"; expected a moment before"));
  CHECK(wrong(R"({"at": "1s", "kill": "wob"})")
            .starts_with("/events/0/kill: names the target \"wob\", which is none (did you mean \"web\"?)"));
  CHECK(wrong(R"({"at": "1s", "kill": "web", "start": "web"})")
            .starts_with("/events/0/start: is a second thing"));
  CHECK(wrong(R"({"at": "1s", "failChecks": "web"})").starts_with("/events/0: fails checks of a kind"));
  CHECK(wrong(R"({"at": "1s", "slow": "web"})").starts_with("/events/0: has no \"factor\""));
  CHECK(wrong(R"({"at": "1s", "kill": "web", "factor": 2})").starts_with("/events/0/factor: unknown key"));
  CHECK(errors(with(R"(, "events": [{"at": "1s", "kil": "web"}])")).size() == 2);
  CHECK(wrong(R"({"at": "1s", "reload": {"loadbalance": "best"}})")
            .starts_with("/events/0/reload/loadbalance: unknown strategy"));
}

TEST_CASE("expectations name what there is") {
  const auto wrong = [](std::string_view text) {
    return error(with(R"(, "expect": [")" + std::string(text) + "\"]"));
  };
  CHECK(read(with(R"(, "warmup": "5s", "expect": ["p99 < 1s"])")).expectations[0].from == 5s);
  CHECK(wrong("share(wob) < 1%").starts_with("/expect/0: names the target \"wob\""));
  CHECK(
      wrong("p99 of first < 1s").starts_with("/expect/0: is about the strategy \"first\", which has no run"));
  CHECK(wrong("p99 < 1s between 10s and 2m").starts_with("/expect/0: is about a time behind the end"));
  CHECK(wrong("p99 <").starts_with("/expect/0: is \"p99 <\"; expected"));
}

TEST_CASE("a scenario that cannot be") {
  CHECK(errors("{}").size() == 2);
  CHECK(error(R"({"targets": [{"name": "a", "present": false}], "load": {"rate": 1}})")
            .starts_with(": begins without a target"));
  CHECK(
      error(with(R"(, "duration": "5s", "warmup": "5s")")).starts_with(": has a \"warmup\" that is as long"));
  CHECK(error(R"({"targets": [{"name": "a"}, {"name": "a"}], "load": {"rate": 1}})")
            .starts_with("/targets/1/name: is \"a\""));
  CHECK(error(R"({"targets": [{"name": "a b"}], "load": {"rate": 1}})")
            .starts_with("/targets/0/name: is \"a b\""));
  CHECK(error(with(R"(, "strategies": ["first", "first"])")).starts_with("/strategies/1: is there already"));
  CHECK(error(with(R"(, "lod": 1)")).starts_with("/lod: unknown key (did you mean \"load\"?)"));
}

TEST_CASE("the schema of scenarios knows the keys that the reader knows") {
  const Json schema = Json::parse(std::ifstream(EVENKEEL_SOURCE_DIR "/docs/scenario.schema.json"));
  CHECK(keys_of(schema) == keys_of(config::scenario_fields()));
  CHECK(keys_of(schema.at("$defs").at("target")) == keys_of(config::sim_target_fields()));
  CHECK(keys_of(schema.at("$defs").at("load")) == keys_of(config::sim_load_fields()));
  std::vector<std::string> known(strategy_names().begin(), strategy_names().end());
  CHECK(schema.at("properties").at("strategies").at("items").at("enum") == Json(known));
}

TEST_CASE("the document of scenarios shows one that is right, and every key") {
  std::ifstream in(EVENKEEL_SOURCE_DIR "/docs/scenarios.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t begin = text.find("```json\n") + 8;
  (void)read(text.substr(begin, text.find("```\n", begin) - begin));
  const auto check = [&](const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      INFO(key);
      CHECK((key == "$schema" || text.contains('`' + key + '`')));
    }
  };
  check(keys_of(config::scenario_fields()));
  check(keys_of(config::sim_target_fields()));
  check(keys_of(config::sim_load_fields()));
  for (const char* const action : {"kill", "start", "hang", "slow", "fail", "reset", "failChecks", "add",
                                   "remove", "drain", "enable", "weight", "flap"}) {
    INFO(action);
    CHECK(text.contains('`' + std::string(action) + '`'));
  }
}
