// docs/port-spec.schema.json and the reader have to say the same.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "evenkeel/strategy.hpp"

#include "config/admin_reader.hpp"
#include "config/affinity_reader.hpp"
#include "config/discovery_reader.hpp"
#include "config/health_reader.hpp"
#include "config/option_fields.hpp"
#include "config/payload.hpp"
#include "config/port_reader.hpp"
#include "config/settings.hpp"
#include "config/spec_fields.hpp"
#include "config/tailnet_reader.hpp"
#include "config/target_reader.hpp"
#include "config/tls_reader.hpp"
#include "config/transport_reader.hpp"
#include "spec.hpp"

namespace {

using Json = nlohmann::ordered_json;
using Keys = std::vector<std::string>;
using evenkeel::PortSpec;
using evenkeel::Protocol;
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

// A spec with one port, whose proxy has `value` as `key`, inside of `section` when that is not "".
std::string with(Protocol protocol, const std::string& section, const std::string& key, const Json& value) {
  Json inside;
  inside[key] = value;
  Json proxy = section.empty() ? inside : Json{{section, inside}};
  proxy["ports"]["80/" + std::string(to_string(protocol))]["targets"] = {"a:1"};
  Json spec;
  spec["tls"]["certificates"] = {{{"certificate", "app.pem"}, {"key", "app.key"}}};
  spec["proxies"]["p"] = proxy;
  return spec.dump();
}

template <class T>
config::Protocols protocols_in(std::span<const config::Field<T>> fields, std::string_view key) {
  for (const auto& field : fields) {
    if (field.key == key) return field.protocols;
  }
  return config::for_all;
}

// The ports in which a key, or the section that it stands in, means something.
config::Protocols protocols_of(const std::string& section, const std::string& key) {
  if (section == "timeouts") return protocols_in(config::timeouts_fields(), key);
  if (section == "limits") return protocols_in(config::limits_fields(), key);
  return protocols_in(config::settings_fields(), section.empty() ? key : section);
}

template <class Visit>
void each_protocol(const std::string& section, const std::string& key, Visit visit) {
  for (const Protocol protocol : config::all_protocols) {
    CAPTURE(to_string(protocol));
    if (protocols_of(section, key).contains(protocol)) visit(protocol);
  }
}

// The sections of the settings, "" being the settings themselves.
const Keys sections = {"",        "health",    "outlier",   "timeouts", "limits",   "upstream",
                       "retries", "perClient", "keepAlive", "tls",      "targetTls"};

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

bool http_check_only(const std::string& section, const std::string& key) {
  return section == "health" && (key == "method" || key == "path" || key == "expect");
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
  CHECK(a.http.per_client == b.http.per_client);
  CHECK(a.health.type == b.health.type);
  CHECK(a.health.send == b.health.send);
  CHECK(a.tcp.timeouts == b.tcp.timeouts);
  CHECK(a.tcp.limits == b.tcp.limits);
  CHECK(a.tcp.keep_alive == b.tcp.keep_alive);
  CHECK(a.tcp.no_delay == b.tcp.no_delay);
  CHECK(a.tcp.proxy_protocol == b.tcp.proxy_protocol);
  CHECK(a.tcp.accept_proxy_protocol == b.tcp.accept_proxy_protocol);
  CHECK(a.tcp.affinity == b.tcp.affinity);
  CHECK(a.udp.idle == b.udp.idle);
  CHECK(a.udp.sessions == b.udp.sessions);
  CHECK(a.udp.replies == b.udp.replies);
  CHECK(a.udp.receive_buffer == b.udp.receive_buffer);
  CHECK(a.udp.affinity == b.udp.affinity);
  CHECK(a.http.hsts == b.http.hsts);
  CHECK(a.tls == b.tls);
  CHECK(a.target_tls == b.target_tls);
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
  CHECK(keys_of(definition("keepAlive")) == keys_of(config::keep_alive_fields()));
  CHECK(keys_of(definition("sticky")) == keys_of(config::sticky_fields()));
  CHECK(keys_of(definition("tls")) == keys_of(config::tls_fields()));
  CHECK(keys_of(definition("certificate")) == keys_of(config::certificate_fields()));
  CHECK(keys_of(definition("targetTls")) == keys_of(config::target_tls_fields()));
  CHECK(keys_of(definition("discovery")) == keys_of(config::discovery_fields()));
  CHECK(keys_of(definition("docker")) == keys_of(config::docker_fields()));
  CHECK(keys_of(definition("dns")) == keys_of(config::dns_fields()));
  CHECK(keys_of(definition("admin")) == keys_of(config::admin_fields()));
  CHECK(keys_of(definition("tailnet")) == keys_of(config::tailnet_fields()));
  CHECK(keys_of(definition("payload").at("anyOf").at(1)) == keys_of(config::payload_fields()));
}

TEST_CASE("the schema has the settings at every level, and refuses unknown keys") {
  for (const Json& level : {schema(), definition("proxy"), definition("port")}) {
    CHECK(level.at("$ref") == "#/$defs/settings");
    CHECK(level.at("unevaluatedProperties") == false);
  }
  for (const std::string name :
       {"target", "health", "outlier", "timeouts", "limits", "upstream", "retries", "perClient", "keepAlive",
        "sticky", "tls", "certificate", "targetTls", "tailnet", "admin", "discovery", "dns", "docker"}) {
    CAPTURE(name);
    CHECK(definition(name).at("additionalProperties") == false);
  }
}

TEST_CASE("the schema's defaults are the reader's") {
  each_key([](const std::string& section, const std::string& key, const Json& rule) {
    if (!rule.contains("default") || http_check_only(section, key)) return;
    each_protocol(section, key, [&](Protocol protocol) {
      const PortSpec said_nothing = spec::only_port(with(protocol, "", "listen", "127.0.0.1"));
      check_same(spec::only_port(with(protocol, section, key, rule.at("default"))), said_nothing);
    });
  });
  // These make it an HTTP check, so not everything can be the same.
  const auto health = spec::only_port(with(Protocol::http, "health", "type", "http")).health;
  CHECK(Json(health.method) == definition("health").at("properties").at("method").at("default"));
  CHECK(Json(health.path) == definition("health").at("properties").at("path").at("default"));
  CHECK(health.expect ==
        spec::only_port(with(Protocol::http, "health", "expect",
                             definition("health").at("properties").at("expect").at("default")))
            .health.expect);
}

TEST_CASE("the schema's ranges are the reader's") {
  each_key([](const std::string& section, const std::string& key, const Json& rule) {
    if (!rule.contains("minimum")) return;
    const auto least = rule.at("minimum").get<std::int64_t>();
    const auto most = rule.at("maximum").get<std::int64_t>();
    each_protocol(section, key, [&](Protocol protocol) {
      CHECK(spec::errors(with(protocol, section, key, least)).empty());
      CHECK(spec::errors(with(protocol, section, key, most)).empty());
      CHECK(spec::errors(with(protocol, section, key, least - 1)).size() == 1);
      CHECK(spec::errors(with(protocol, section, key, most + 1)).size() == 1);
    });
  });
}

TEST_CASE("the schema's choices are the reader's") {
  each_key([](const std::string& section, const std::string& key, const Json& rule) {
    if (!rule.contains("enum")) return;
    each_protocol(section, key, [&](Protocol protocol) {
      for (const Json& choice : rule.at("enum")) {
        CHECK(spec::errors(with(protocol, section, key, choice)).empty());
      }
      CHECK(spec::errors(with(protocol, section, key, "none of them")).size() == 1);
    });
  });
  Keys names;
  for (const std::string_view name : evenkeel::strategy_names()) names.emplace_back(name);
  CHECK(strategy_rule().get<Keys>() == names);
}

TEST_CASE("the schema refuses beside a redirect what the reader refuses") {
  const Json& refused = definition("port").at("dependentSchemas").at("redirect").at("properties");
  each_key([&](const std::string& section, const std::string& key, const Json&) {
    if (!section.empty() || !protocols_of(section, key).contains(Protocol::http)) return;
    Json spec;
    spec["proxies"]["p"]["ports"]["80/http"] = {{"redirect", "https://a/"}, {key, nullptr}};
    const auto errors = spec::errors(spec.dump());  // null is always wrong; what is refused is wrong twice
    CHECK((errors.size() == 2) == refused.contains(key));
  });
}

TEST_CASE("the schema refuses in a port of each protocol what the reader refuses") {
  for (const Protocol protocol : config::all_protocols) {
    const std::string name = std::string(to_string(protocol)) + "Port";
    CAPTURE(name);
    CHECK(definition(name).at("$ref") == "#/$defs/port");
    const Json& refused = definition(name).at("properties");
    CHECK(refused.contains("redirect") == !config::for_http.contains(protocol));
    each_key([&](const std::string& section, const std::string& key, const Json&) {
      const bool means_something = protocols_of(section, key).contains(protocol);
      if (section.empty() && key != "timeouts" && key != "limits") {
        CHECK(refused.contains(key) != means_something);
        if (refused.contains(key)) CHECK(refused.at(key) == false);
      } else if (section == "timeouts" || section == "limits") {
        const Json& inside = refused.at(section).at("properties");
        CHECK(inside.contains(key) != means_something);
        if (inside.contains(key)) CHECK(inside.at(key) == false);
      }
    });
  }
}

TEST_CASE("the schema knows the keys of ports") {
  const Json& patterns = definition("proxy").at("properties").at("ports").at("patternProperties");
  CHECK(patterns.size() == std::size(config::all_protocols));
  for (const Protocol protocol : config::all_protocols) {
    const std::string name(to_string(protocol));
    CAPTURE(name);
    const bool has_ranges = spec::errors(spec::certified(spec::port_at("7000-7099/" + name, ""))).empty();
    const std::string port = "[1-9][0-9]{0,4}";
    const std::string pattern = "^" + port + (has_ranges ? "(-" + port + ")?" : "") + "/" + name + "$";
    REQUIRE(patterns.contains(pattern));
    CHECK(patterns.at(pattern).at("$ref") == "#/$defs/" + name + "Port");
  }
}

TEST_CASE("every key is explained in the documentation") {
  std::ifstream in(EVENKEEL_SOURCE_DIR "/docs/port-spec.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto explained = [&](const std::string& key) { return text.contains("`" + key + "`"); };
  each_key([&](const std::string&, const std::string& key, const Json&) { CHECK(explained(key)); });
  for (const auto& field : config::tailnet_fields()) {
    CAPTURE(field.key);
    CHECK(explained(std::string(field.key)));
  }
}
