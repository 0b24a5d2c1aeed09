#include "check.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <uv.h>

#include "evenkeel/config.hpp"

#include "duration_text.hpp"
#include "json.hpp"
#include "listen_report.hpp"
#include "port_tls.hpp"
#include "spec_file.hpp"
#include "text_table.hpp"
#include "tls_report.hpp"
#include "transport_report.hpp"

namespace evenkeel::cli {
namespace {

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string_view check_name(CheckType type) noexcept {
  switch (type) {
    case CheckType::none:
      return "none";
    case CheckType::tcp:
      return "tcp";
    case CheckType::http:
      return "http";
    case CheckType::udp:
      return "udp";
  }
  return "none";
}

// "connect", "GET /healthz", "udp, send 5 bytes, receive 4 bytes"; with the port when it is another one.
std::string what_is_checked(const HealthOptions& health) {
  std::string text;
  if (health.type == CheckType::http) {
    text = fmt::format("{} {}", health.method, health.path);
  } else {
    text = health.type == CheckType::tcp ? "connect" : "udp";
    if (!health.send.empty()) text += ", send " + count_text(health.send.size(), "byte");
    if (!health.receive.empty()) text += ", receive " + count_text(health.receive.size(), "byte");
  }
  if (health.port) text += fmt::format(" on port {}", *health.port);
  return text;
}

std::string health_text(const HealthOptions& health) {
  if (health.type == CheckType::none) return "no checks";
  return fmt::format("{} every {}, rise {}, fall {}", what_is_checked(health), duration_text(health.interval),
                     health.rise, health.fall);
}

// "2 (40%)": the share among the targets of its own tier, since the others get nothing while it works.
std::string weight_text(const std::vector<Target>& targets, const Target& target) {
  std::uint64_t total = 0;
  for (const Target& other : targets) {
    if (other.tier == target.tier) total += other.weight;
  }
  const double share = total == 0 ? 0.0 : 100.0 * target.weight / static_cast<double>(total);
  return fmt::format("{} ({:.3g}%)", target.weight, share);
}

std::string target_text(const Target& target) {
  std::string text = target.id();
  if (target.tier != 0) text += fmt::format(" tier {}", target.tier);
  if (!target.server_name.empty()) text += " as " + target.server_name;
  if (!target.tls_validate) text += " not validated";
  if (target.admin != AdminState::enabled) text += fmt::format(" {}", to_string(target.admin));
  return text;
}

TextTable table_of(const Config& config) {
  TextTable table({"PROXY", "PORT", "LISTEN", "STRATEGY", "TARGET", "WEIGHT", "HEALTH"});
  for (const PortSpec& port : config.ports) {
    const std::string listen = place_text(port);
    if (port.targets.empty()) {
      table.add({port.proxy, port.key, listen, "-", "redirect to " + port.http.redirect, "-", "-"});
      continue;
    }
    bool first = true;
    for (const Target& target : port.targets) {
      TextTable::Row row(7);
      if (first) row = {port.proxy, port.key, listen, port.strategy, "", "", health_text(port.health)};
      row[4] = target_text(target);
      row[5] = weight_text(port.targets, target);
      table.add(std::move(row));
      first = false;
    }
  }
  return table;
}

void print_particulars(const LoadedSpec& checked) {
  bool first = true;
  for (std::size_t i = 0; i < checked.config.ports.size(); ++i) {
    const PortSpec& port = checked.config.ports[i];
    const PortTls& tls = checked.tls[i];
    for (const std::string& text : {transport_text(port), tls_text(port, tls), target_tls_text(port, tls)}) {
      if (text.empty()) continue;
      fmt::print("{}{} {}: {}\n", std::exchange(first, false) ? "\n" : "", port.proxy, port.key, text);
    }
  }
}

void print_text(const LoadedSpec& checked) {
  const Config& config = checked.config;
  table_of(config).print();
  print_particulars(checked);
  std::size_t targets = 0;
  for (const PortSpec& port : config.ports) targets += port.targets.size();
  const std::string workers = config.workers == 0
                                  ? fmt::format("one worker a core ({} here)", uv_available_parallelism())
                                  : count_text(config.workers, "worker");
  fmt::print("\n{}, {}, {}, drain timeout {}.\n", count_text(config.ports.size(), "port"),
             count_text(targets, "target"), workers, duration_text(config.drain_timeout));
}

// The bytes of a check are not always text.
std::string hex(std::string_view bytes) {
  return fmt::format(
      "{:02x}", fmt::join(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()), ""));
}

Json health_json(const HealthOptions& health) {
  Json json{{"type", check_name(health.type)}};
  if (health.type == CheckType::none) return json;
  json["interval_ms"] = health.interval.count();
  json["timeout_ms"] = health.timeout.count();
  json["rise"] = health.rise;
  json["fall"] = health.fall;
  if (health.port) json["port"] = *health.port;
  if (health.type != CheckType::http) {
    json["send"] = hex(health.send);
    json["receive"] = hex(health.receive);
    return json;
  }
  json["method"] = health.method;
  json["path"] = health.path;
  if (!health.host.empty()) json["host"] = health.host;
  for (const StatusRange& range : health.expect) json["expect"].push_back({range.first, range.last});
  return json;
}

Json target_json(const Target& target) {
  Json json{{"url", target.id()},
            {"weight", target.weight},
            {"tier", target.tier},
            {"state", to_string(target.admin)}};
  if (target.scheme != Scheme::https) return json;
  json["tls_validate"] = target.tls_validate;
  if (!target.server_name.empty()) json["server_name"] = target.server_name;
  return json;
}

Json port_json(const PortSpec& port, const PortTls& tls) {
  Json json{{"proxy", port.proxy},   {"key", port.key},   {"protocol", to_string(port.protocol)},
            {"listen", port.listen}, {"port", port.port}, {"port_count", port.port_count}};
  if (Json own = tls_json(port, tls); !own.is_null()) json["tls"] = std::move(own);
  if (port.targets.empty()) {
    json["redirect"] = port.http.redirect;
    return json;
  }
  json["strategy"] = port.strategy;
  if (port.hash_balance_factor != 0) json["hash_balance_factor"] = port.hash_balance_factor;
  for (const Target& target : port.targets) json["targets"].push_back(target_json(target));
  if (Json trust = target_tls_json(port, tls); !trust.is_null()) json["target_tls"] = std::move(trust);
  json["health"] = health_json(port.health);
  if (Json transport = transport_json(port); !transport.is_null()) {
    json[std::string(to_string(port.protocol))] = std::move(transport);
  }
  return json;
}

// A URL may hold any byte; the output must be valid JSON all the same.
void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_json(const LoadedSpec& checked) {
  const Config& config = checked.config;
  Json json{{"ok", true},
            {"workers", config.workers},
            {"drain_timeout_ms", config.drain_timeout.count()},
            {"ports", Json::array()}};
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    json["ports"].push_back(port_json(config.ports[i], checked.tls[i]));
  }
  print_json(json);
}

void print_json(const std::vector<SpecError>& errors) {
  Json json{{"ok", false}, {"errors", Json::array()}};
  for (const SpecError& error : errors) {
    json["errors"].push_back(
        {{"pointer", error.pointer}, {"problem", error.problem}, {"expected", error.expected}});
  }
  print_json(json);
}

}  // namespace

ExitCode check(const CheckOptions& options) {
  const auto checked = load_spec(options.spec);
  if (!checked) {
    print_errors(options.spec, checked.error());
    if (options.json) print_json(checked.error());
    return ExitCode::bad_spec;
  }
  if (options.json) {
    print_json(*checked);
  } else {
    print_text(*checked);
  }
  return ExitCode::ok;
}

}  // namespace evenkeel::cli
