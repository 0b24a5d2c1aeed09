#include "config/tailnet_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "evenkeel/access.hpp"

#include "config/syntax.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view socket_form = "a path, such as \"/var/run/tailscale/tailscaled.sock\"";
constexpr std::string_view key_form = "where the key is: \"file:PATH\" or \"env:NAME\"";
constexpr std::string_view hostname_form = "1 to 63 letters, digits or \"-\", such as \"myapp\"";
constexpr std::string_view service_form =
    "\"svc:\" and a name of letters, digits or \"-\", such as \"svc:web\"";
constexpr std::string_view tag_form = "\"tag:\" and a name of letters, digits or \"-\", such as \"tag:web\"";
constexpr std::string_view url_form = "an http or https URL, such as \"https://headscale.example.com\"";

constexpr std::array<std::string_view, 2> host_keys{"socket", "service"};
constexpr std::array<std::string_view, 7> node_keys{"hostname",   "authKey", "stateDir", "ephemeral",
                                                    "controlUrl", "tags",    "funnel"};

constexpr std::array<std::uint16_t, 3> funnel_ports{443, 8'443, 10'000};

void read_mode(const Cursor& at, TailnetSpec& out) {
  static constexpr std::array<std::string_view, 2> names{"host", "node"};
  static constexpr std::array modes{TailnetMode::host, TailnetMode::node};
  if (const auto index = at.choice("mode", names)) out.mode = modes[*index];
}

template <auto Member>
void read_path(const Cursor& at, TailnetSpec& out) {
  auto path = at.string(socket_form);
  if (!path) return;
  if (path->empty() || path->contains('\0')) return at.fail_value(std::string(socket_form));
  out.*Member = std::move(*path);
}

// "svc:web", "tag:web".
bool is_prefixed_label(std::string_view text, std::string_view prefix) noexcept {
  return text.starts_with(prefix) && is_dns_label(text.substr(prefix.size()));
}

void read_service(const Cursor& at, TailnetSpec& out) {
  auto name = at.string(service_form);
  if (!name) return;
  if (!is_prefixed_label(*name, "svc:")) return at.fail_value(std::string(service_form));
  out.service = std::move(*name);
}

void read_hostname(const Cursor& at, TailnetSpec& out) {
  auto name = at.string(hostname_form);
  if (!name) return;
  if (!is_dns_label(*name)) return at.fail_value(std::string(hostname_form));
  out.hostname = lower(*std::move(name));
}

// Somebody may have put the key itself here: it is not repeated, whatever it is.
void read_auth_key(const Cursor& at, TailnetSpec& out) {
  auto place = at.string(key_form);
  if (!place) return;
  for (const std::string_view prefix : {"file:", "env:"}) {
    if (!place->starts_with(prefix)) continue;
    if (place->size() == prefix.size() || place->contains('\0')) {
      return at.fail("names nothing behind its \":\"", std::string(key_form));
    }
    out.auth_key = std::move(*place);
    return;
  }
  at.fail("is not where a key is; a key itself has no place in a spec", std::string(key_form));
}

void read_control_url(const Cursor& at, TailnetSpec& out) {
  auto url = at.string(url_form);
  if (!url) return;
  if (!check_redirect(*url)) return at.fail_value(std::string(url_form));
  out.control_url = std::move(*url);
}

void read_tags(const Cursor& at, TailnetSpec& out) {
  if (!at.is_array("an array of tags, such as [\"tag:web\"]")) return;
  std::vector<std::string> tags;
  at.each_element([&](const Cursor& element) {
    auto tag = element.string(tag_form);
    if (!tag) return;
    if (!is_prefixed_label(*tag, "tag:")) return element.fail_value(std::string(tag_form));
    tags.push_back(std::move(*tag));
  });
  out.tags = std::move(tags);
}

void refuse_keys(const Cursor& at, std::span<const std::string_view> keys, std::string_view mode) {
  for (const std::string_view key : keys) {
    if (const auto value = at.member(key)) {
      value->fail(fmt::format("has no meaning in mode \"{}\"", mode), fmt::format("no \"{}\"", key));
    }
  }
}

// What an outer level said for the other mode is forgotten; what this level says for it is a mistake.
void settle_mode(const Cursor& at, TailnetSpec& tailnet) {
  if (tailnet.mode == TailnetMode::host) {
    refuse_keys(at, node_keys, "host");
    tailnet = {.mode = tailnet.mode, .socket = tailnet.socket, .service = tailnet.service};
  } else if (tailnet.mode == TailnetMode::node) {
    refuse_keys(at, host_keys, "node");
    tailnet.socket.clear();
    tailnet.service.clear();
  }
}

std::optional<Cursor> own_member(const Cursor& port, std::string_view key) {
  const auto tailnet = port.member("tailnet");
  return tailnet && tailnet->json().is_object() ? tailnet->member(key) : std::nullopt;
}

void check_host(const Cursor& port, const PortKey& key, TailnetSpec& tailnet) {
  if (tailnet.service.empty() || (key.protocol != Protocol::udp && key.count == 1)) return;
  if (const auto value = own_member(port, "service")) {
    value->fail(
        key.protocol == Protocol::udp ? "has no meaning in a udp port" : "has no meaning in a range of ports",
        "no \"service\": Tailscale Services have single TCP ports");
  }
  tailnet.service.clear();
}

void check_funnel(const Cursor& port, const PortKey& key, TailnetSpec& tailnet) {
  if (!tailnet.funnel) return;
  const bool port_fits = std::ranges::find(funnel_ports, key.port) != funnel_ports.end();
  if (key.protocol == Protocol::https && port_fits) return;
  tailnet.funnel = false;  // of an outer level, for those ports that can
  if (const auto value = own_member(port, "funnel")) {
    value->fail("cannot be on this port", "an https port 443, 8443 or 10000, or no \"funnel\"");
  }
}

void check_node(const Cursor& port, std::string_view proxy, const PortKey& key, TailnetSpec& tailnet) {
  check_funnel(port, key, tailnet);
  if (tailnet.hostname.empty()) {
    if (is_dns_label(proxy)) {
      tailnet.hostname = lower(std::string(proxy));
    } else {
      port.fail(fmt::format("has no \"hostname\" for its node, and the proxy's name {} cannot be one",
                            in_quotes(proxy)),
                "a \"hostname\" in \"tailnet\": " + std::string(hostname_form));
    }
  }
  // What is said once for all nodes, or for those that containers ask for, cannot be the directory of one.
  if (!tailnet.state_dir.empty()) {
    tailnet.state_dir = (std::filesystem::path(tailnet.state_dir) / tailnet.hostname).lexically_normal();
  } else if (!tailnet.ephemeral) {
    port.fail("would be a new node of the tailnet at each start",
              "a \"stateDir\" in \"tailnet\", or \"ephemeral\": true");
  }
}

// Only what the port says itself: whoever inherits it does not mind.
void check_without(const Cursor& port, Settings& settings) {
  if (const auto value = port.member("identityHeaders"); value && !value->json().empty()) {
    value->fail("has no meaning without a \"tailnet\"", "that, or no \"identityHeaders\"");
  }
  settings.identity_headers = IdentityHeaders::none;
}

// Whoever wrote a list of who may in must not be without it unawares: also when it is inherited.
void check_allow(const Cursor& port, const Settings& settings, std::string_view problem,
                 std::string_view expected) {
  if (settings.allow.empty()) return;
  port.member("allow").value_or(port).fail(std::string(problem), std::string(expected));
}

}  // namespace

std::span<const Field<TailnetSpec>> tailnet_fields() noexcept {
  static constexpr Field<TailnetSpec> fields[] = {
      {"mode", read_mode},
      {"socket", read_path<&TailnetSpec::socket>},
      {"service", read_service},
      {"hostname", read_hostname},
      {"authKey", read_auth_key},
      {"stateDir", read_path<&TailnetSpec::state_dir>},
      {"ephemeral", read_flag<&TailnetSpec::ephemeral>},
      {"controlUrl", read_control_url},
      {"tags", read_tags},
      {"funnel", read_flag<&TailnetSpec::funnel>},
  };
  return fields;
}

void read_tailnet(const Cursor& at, Settings& settings) {
  if (at.json().is_boolean() && !at.json().get<bool>()) {
    settings.tailnet_on = false;
    return;
  }
  if (!at.is_object("an object, or false")) return;
  settings.tailnet_on = true;
  settings.places.tailnet = at.place().pointer;
  read_members(at, Table<TailnetSpec>{tailnet_fields(), settings.tailnet});
  settle_mode(at, settings.tailnet);
  settings.has_mode = settings.has_mode || at.has("mode");
}

void read_identity_headers(const Cursor& at, Settings& settings) {
  static constexpr std::array<std::string_view, 2> names{"tailscale", "tsdproxy"};
  static constexpr std::array flags{IdentityHeaders::tailscale, IdentityHeaders::tsdproxy};
  if (!at.is_array("an array of \"tailscale\" and \"tsdproxy\"")) return;
  auto headers = IdentityHeaders::none;
  at.each_element([&](const Cursor& element) {
    if (const auto index = element.choice("set of headers", names)) headers = headers | flags[*index];
  });
  settings.identity_headers = headers;
}

void read_allow(const Cursor& at, Settings& settings) {
  if (at.json() == false) return settings.allow.clear();
  constexpr std::string_view form =
      "a user, tag, group or capability, such as \"alice@example.com\" or \"tag:web\"";
  if (!at.is_array("an array of users, tags, groups or capabilities, such as [\"alice@example.com\"]"))
    return;
  if (at.json().empty()) {
    return at.fail("is empty, which lets nobody in", "at least one entry, such as \"*\" for every user");
  }
  std::vector<std::string> entries;
  AccessList list;
  at.each_element([&](const Cursor& element) {
    auto entry = element.string(form);
    if (!entry) return;
    if (const auto added = list.add(*entry); !added) {
      return element.fail(in_quotes(*entry) + ' ' + std::string(added.error()), std::string(form));
    }
    entries.push_back(std::move(*entry));
  });
  settings.allow = std::move(entries);
}

void check_tailnet(const Cursor& port, std::string_view proxy, const PortKey& key, Settings& settings) {
  if (!settings.tailnet_on) {
    check_without(port, settings);
    settings.tailnet = {};
    check_allow(port, settings, "has an \"allow\" without a \"tailnet\", which knows who a client is",
                "a \"tailnet\", or no \"allow\"");
    return;
  }
  if (key.protocol == Protocol::udp && !port.has("allow")) {
    check_allow(port, settings, "has an \"allow\", which a udp port cannot keep to",
                "no \"allow\" here or further out; the tailnet's own policy decides about udp");
  }
  if (!settings.has_mode) {
    port.member("tailnet").value_or(port).fail("has a \"tailnet\" without a mode",
                                               "\"mode\": \"host\" or \"node\"");
    return;
  }
  if (const auto listen = port.member("listen"); listen && port.has("tailnet")) {
    listen->fail("has no meaning beside \"tailnet\": the addresses are the node's", "one of the two");
  }
  // A wrong mode was told already.
  if (settings.tailnet.mode == TailnetMode::host) check_host(port, key, settings.tailnet);
  if (settings.tailnet.mode == TailnetMode::node) check_node(port, proxy, key, settings.tailnet);
}

}  // namespace evenkeel::config
