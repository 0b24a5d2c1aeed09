// docs/port-spec.schema.json and the reader have to say the same.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "evenkeel/strategy.hpp"

#include "config/health_reader.hpp"
#include "config/option_fields.hpp"
#include "config/port_reader.hpp"
#include "config/settings.hpp"
#include "config/spec_fields.hpp"
#include "config/target_reader.hpp"
#include "spec.hpp"

namespace {

using Json = nlohmann::ordered_json;
using Keys = std::vector<std::string>;
using evenkeel::PortSpec;
namespace config = evenkeel::config;

const Json& schema() {
  static const Json parsed = Json::parse(std::ifstream(EVENKEEL_SOURCE_DIR "/docs/port-spec.schema.json"));
  return parsed;
}
const Json& definition(const std::string& name) {
  return schema().at("$defs").at(name);
}

Keys keys_of(const Json& object) {
  Keys keys;
  for (const auto& [key, value] : object.at("properties").items()) keys.push_back(key);
  std::ranges::sort(keys);
  return keys;
}

template <class T>
Keys keys_of(std::span<const config::Field<T>> fields) {
  Keys keys;
  for (const auto& field : fields) keys.emplace_back(field.key);
  std::ranges::sort(keys);
  return keys;
}

// A spec whose only port has `value` as `key`, inside of `section` when that is not "".
std::string with(const std::string& section, const std::string& key, const Json& value) {
  Json inside;
  inside[key] = value;
  Json port = section.empty() ? inside : Json{{section, inside}};
  port["targets"] = {"http://a:1"};
  Json spec;
  spec["proxies"]["p"]["ports"]["80/http"] = port;
  return spec.dump();
}

// The sections of the settings, "" being the settings themselves.
const Keys sections = {"", "health", "outlier", "timeouts", "limits", "upstream", "retries", "perClient"};

template <class Visit>
void each_key(Visit visit) {
  for (const std::string& section : sections) {
    for (const auto& [key, rule] :
         definition(section.empty() ? "settings" : section).at("properties").items()) {
      CAPTURE(section, key);
      visit(section, key, rule);
    }
  }
}

const Json& strategy_rule() {
  return definition("strategy").at("enum");
}

void check_same(const PortSpec& a, const PortSpec& b) {
  CHECK(a.listen == b.listen);
  CHECK(a.strategy == b.strategy);
  CHECK(a.pool.panic_percent == b.pool.panic_percent);
  CHECK(a.pool.slow_start == b.pool.slow_start);
  CHECK(a.health.interval == b.health.interval);
  CHECK(a.health.timeout == b.health.timeout);
  CHECK(a.health.rise == b.health.rise);
  CHECK(a.health.fall == b.health.fall);
  CHECK(a.health.jitter_percent == b.health.jitter_percent);
  CHECK(a.health.max_concurrent == b.health.max_concurrent);
  CHECK(a.health.port == b.health.port);
  CHECK(a.health.method == b.health.method);
  CHECK(a.health.path == b.health.path);
  CHECK(a.health.host == b.health.host);
  CHECK(a.health.expect == b.health.expect);
  CHECK(a.outlier.consecutive_failures == b.outlier.consecutive_failures);
  CHECK(a.outlier.base_ejection == b.outlier.base_ejection);
  CHECK(a.outlier.max_ejection == b.outlier.max_ejection);
  CHECK(a.outlier.max_ejected_percent == b.outlier.max_ejected_percent);
  CHECK(a.http.host == b.http.host);
  CHECK(a.http.via == b.http.via);
  CHECK(a.http.forwarded == b.http.forwarded);
  CHECK(a.http.upgrades == b.http.upgrades);
  CHECK(a.http.access_log == b.http.access_log);
  CHECK(a.http.timeouts == b.http.timeouts);
  CHECK(a.http.limits == b.http.limits);
  CHECK(a.http.upstream == b.http.upstream);
  CHECK(a.http.retry == b.http.retry);
  CHECK(a.targets == b.targets);
}

}  // namespace

TEST_CASE("the schema knows the keys that the reader knows") {
  CHECK(keys_of(schema()) == keys_of(config::document_fields()));
  CHECK(keys_of(definition("proxy")) == keys_of(config::proxy_fields()));
  CHECK(keys_of(definition("port")) == keys_of(config::port_fields()));
  CHECK(keys_of(definition("target")) == keys_of(config::target_fields()));
  CHECK(keys_of(definition("settings")) == keys_of(config::settings_fields()));
  CHECK(keys_of(definition("health")) == keys_of(config::health_fields()));
  CHECK(keys_of(definition("outlier")) == keys_of(config::outlier_fields()));
  CHECK(keys_of(definition("timeouts")) == keys_of(config::timeouts_fields()));
  CHECK(keys_of(definition("limits")) == keys_of(config::limits_fields()));
  CHECK(keys_of(definition("upstream")) == keys_of(config::upstream_fields()));
  CHECK(keys_of(definition("retries")) == keys_of(config::retries_fields()));
  CHECK(keys_of(definition("perClient")) == keys_of(config::per_client_fields()));
}

TEST_CASE("the schema has the settings at every level, and refuses unknown keys") {
  for (const Json& level : {schema(), definition("proxy"), definition("port")}) {
    CHECK(level.at("$ref") == "#/$defs/settings");
    CHECK(level.at("unevaluatedProperties") == false);
  }
  for (const std::string name :
       {"target", "health", "outlier", "timeouts", "limits", "upstream", "retries", "perClient"}) {
    CAPTURE(name);
    CHECK(definition(name).at("additionalProperties") == false);
  }
}

TEST_CASE("the schema's defaults are the reader's") {
  const PortSpec said_nothing = spec::only_port(spec::port(""));
  each_key([&](const std::string& section, const std::string& key, const Json& rule) {
    if (rule.contains("default"))
      check_same(spec::only_port(with(section, key, rule.at("default"))), said_nothing);
  });
}

TEST_CASE("the schema's ranges are the reader's") {
  each_key([](const std::string& section, const std::string& key, const Json& rule) {
    if (!rule.contains("minimum")) return;
    const auto least = rule.at("minimum").get<std::int64_t>();
    const auto most = rule.at("maximum").get<std::int64_t>();
    CHECK(spec::errors(with(section, key, least)).empty());
    CHECK(spec::errors(with(section, key, most)).empty());
    CHECK(spec::errors(with(section, key, least - 1)).size() == 1);
    CHECK(spec::errors(with(section, key, most + 1)).size() == 1);
  });
}

TEST_CASE("the schema's choices are the reader's") {
  each_key([](const std::string& section, const std::string& key, const Json& rule) {
    if (!rule.contains("enum")) return;
    for (const Json& choice : rule.at("enum")) CHECK(spec::errors(with(section, key, choice)).empty());
  });
  Keys names;
  for (const std::string_view name : evenkeel::strategy_names()) names.emplace_back(name);
  CHECK(strategy_rule().get<Keys>() == names);
}

TEST_CASE("the schema refuses beside a redirect what the reader refuses") {
  const Json& refused = definition("port").at("dependentSchemas").at("redirect").at("properties");
  each_key([&](const std::string& section, const std::string& key, const Json&) {
    if (!section.empty()) return;
    Json spec;
    spec["proxies"]["p"]["ports"]["80/http"] = {{"redirect", "https://a/"}, {key, nullptr}};
    const auto errors = spec::errors(spec.dump());  // null is always wrong; what is refused is wrong twice
    CHECK((errors.size() == 2) == refused.contains(key));
  });
}

TEST_CASE("every key is explained in the documentation") {
  std::ifstream in(EVENKEEL_SOURCE_DIR "/docs/port-spec.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  each_key([&](const std::string&, const std::string& key, const Json&) {
    CHECK(text.find("`" + key + "`") != std::string::npos);
  });
}
