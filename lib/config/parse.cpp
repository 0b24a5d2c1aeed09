#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "evenkeel/config.hpp"

#include "config/admin_reader.hpp"
#include "config/discovery_reader.hpp"
#include "config/document.hpp"
#include "config/node_owners.hpp"
#include "config/port_reader.hpp"
#include "config/settings.hpp"
#include "config/spec_fields.hpp"
#include "config/syntax.hpp"
#include "config/target_reader.hpp"

namespace evenkeel::config {
namespace {

template <class T>
void read_schema(const Cursor& at, T&) {
  static_cast<void>(at.string("the URL of a schema"));
}

// The members of `at`, an object that must have some.
template <class Visit>
void each_of(const Cursor& at, std::string_view what, Visit visit) {
  if (!at.is_object("an object of " + std::string(what))) return;
  if (at.json().empty()) at.fail("is empty", "at least one of the " + std::string(what));
  at.each_member(visit);
}

// What has been taken by ports read so far.
struct Taken {
  Listening listening;
  NodeOwners nodes;
  // By proxy and key: operators name a port so, and so do its metrics. Only fragments can name one twice.
  std::map<std::pair<std::string, std::string>, std::string> names;
};

void read_proxy(std::string_view name, const Cursor& at, Settings settings, Taken& taken, Config& config) {
  if (!is_proxy_name(name)) {
    at.fail(in_quotes(name) + " is not a name for a proxy", "1 to 63 letters, digits, \".\", \"_\" or \"-\"");
  }
  if (!at.is_object("an object with \"ports\"")) return;
  ProxyBody body;
  read_members(at, Table<ProxyBody>{proxy_fields(), body}, Table<Settings>{settings_fields(), settings});
  check_settings(at);

  const auto ports = at.member("ports");
  if (!ports) return at.fail("has no \"ports\"", "\"ports\": {\"80/http\": {...}}");
  each_of(*ports, "ports", [&](std::string_view key, const Cursor& port) {
    const auto [known, is_new] =
        taken.names.try_emplace({std::string(name), std::string(key)}, port.place().pointer);
    if (!is_new) {
      return port.fail("is a port that " + known->second + " is",
                       "one port of this key in all of a proxy's fragments");
    }
    config.ports.push_back(read_port(name, key, port, settings, taken.listening));
    const TailnetSpec& tailnet = config.ports.back().tailnet;
    if (tailnet.mode == TailnetMode::node && !tailnet.hostname.empty()) taken.nodes.add(tailnet, port);
  });
}

// The spec, and what comes to it: the settings at its top are everybody's.
class SpecReader {
 public:
  explicit SpecReader(Config& config) : config_(config) {}

  void read_spec(const Cursor& root) {
    if (!root.is_object("an object with \"proxies\"")) return;
    read_members(root, Table<Config>{document_fields(), config_},
                 Table<Settings>{settings_fields(), settings_});
    check_settings(root);
    if (settings_.tailnet_on) config_.tailnet = settings_.tailnet;
    const auto proxies = root.member("proxies");
    if (proxies) return read_proxies(*proxies, settings_);
    if (config_.discovery.files.empty() && !config_.discovery.docker) {
      root.fail("has no \"proxies\"", "\"proxies\": {\"NAME\": {\"ports\": {...}}}");
    }
  }

  void read_fragment(const Cursor& root) {
    if (!root.is_object("an object with \"proxies\"")) return;
    Settings settings = settings_;
    Fragment fragment;
    read_members(root, Table<Fragment>{fragment_fields(), fragment},
                 Table<Settings>{settings_fields(), settings});
    check_settings(root);
    const auto proxies = root.member("proxies");
    if (!proxies) return root.fail("has no \"proxies\"", "\"proxies\": {\"NAME\": {\"ports\": {...}}}");
    read_proxies(*proxies, settings);
  }

 private:
  void read_proxies(const Cursor& proxies, const Settings& settings) {
    const std::size_t known = config_.ports.size();
    each_of(proxies, "proxies", [&](std::string_view name, const Cursor& proxy) {
      read_proxy(name, proxy, settings, taken_, config_);
    });
    if (config_.discovery.dns) return;
    for (const PortSpec& port : std::span(config_.ports).subspan(known)) check_without_dns(port, proxies);
  }

  static void check_without_dns(const PortSpec& port, const Cursor& proxies) {
    const auto service = std::ranges::find_if(port.targets, &Target::is_service);
    if (service == port.targets.end()) return;
    proxies.fail("name the service " + service->id() + ", and /discovery/dns is false",
                 "no services, or DNS to ask for them");
  }

  Config& config_;
  Settings settings_;
  Taken taken_;
};

}  // namespace

std::span<const Field<Config>> document_fields() noexcept {
  static constexpr Field<Config> fields[] = {
      {"$schema", read_schema<Config>},
      {"proxies", read_later},  // once the settings that they inherit are known
      {"admin", read_admin},
      {"discovery", read_discovery},
      {"workers", read_number<&Config::workers, 1, 256>},
      {"drainTimeout", read_duration_or_zero<&Config::drain_timeout>},
  };
  return fields;
}

std::span<const Field<Fragment>> fragment_fields() noexcept {
  static constexpr Field<Fragment> fields[] = {{"$schema", read_schema<Fragment>}, {"proxies", read_later}};
  return fields;
}

std::span<const Field<ProxyBody>> proxy_fields() noexcept {
  static constexpr Field<ProxyBody> fields[] = {{"ports", read_later}};
  return fields;
}

}  // namespace evenkeel::config

namespace evenkeel {

std::expected<Config, std::vector<SpecError>> parse_config(std::string_view text) {
  return parse_config(text, {});
}

std::expected<Config, std::vector<SpecError>> parse_config(std::string_view text,
                                                           std::span<const SpecFragment> fragments) {
  config::Mistakes mistakes;
  const auto document = config::read_document(text, mistakes);
  if (!document) return std::unexpected(std::vector<SpecError>{document.error()});
  Config config;
  config::SpecReader reader(config);
  reader.read_spec(config::Cursor(*document, {}, mistakes));
  // Cursors look into them until the last one is read.
  std::vector<config::Json> documents;
  documents.reserve(fragments.size());
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const SpecFragment& fragment = fragments[i];
    // Behind everything that the spec itself has.
    const config::Place place{fragment.name + "#",
                              {std::numeric_limits<std::uint32_t>::max(), static_cast<std::uint32_t>(i)}};
    auto read = config::read_document(fragment.text, mistakes, place);
    if (!read) {
      mistakes.add(place, read.error().problem, read.error().expected);
      continue;
    }
    reader.read_fragment(config::Cursor(documents.emplace_back(*std::move(read)), place, mistakes));
  }
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes).take());
  return config;
}

std::expected<Target, std::vector<SpecError>> parse_target(std::string_view text, std::string_view port_key) {
  config::Mistakes mistakes;
  const auto document = config::read_document(text, mistakes);
  if (!document) return std::unexpected(std::vector<SpecError>{document.error()});
  const config::Cursor root(*document, {}, mistakes);
  auto target = config::read_target(root, config::read_port_key(port_key, root));
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes).take());
  return *std::move(target);
}

}  // namespace evenkeel
