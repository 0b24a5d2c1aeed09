#include "config/port_reader.hpp"

#include "config/check_type.hpp"
#include "config/port_checks.hpp"
#include "config/syntax.hpp"
#include "config/tailnet_reader.hpp"
#include "config/target_reader.hpp"

namespace evenkeel::config {
namespace {

void read_port_targets(const Cursor& at, PortBody& body) {
  body.targets = read_targets(at, body.key);
}

void read_redirect(const Cursor& at, PortBody& body) {
  constexpr std::string_view form = "an absolute URL, such as \"https://app.example.com/\"";
  auto url = at.string(form);
  if (!url) return;
  if (const auto checked = check_redirect(*url); !checked) {
    return at.fail(in_quotes(*url) + ' ' + std::string(checked.error()), std::string(form));
  }
  body.redirect = std::move(*url);
}

// Where it listens, as far as that is known before the node is.
std::string place_of(const Settings& settings) {
  if (!settings.tailnet_on) return settings.listen;
  const TailnetSpec& tailnet = settings.tailnet;
  if (tailnet.mode == TailnetMode::node) return Listening::node(tailnet.hostname, tailnet.control_url);
  return Listening::host(tailnet.socket);
}

void check_purpose(const Cursor& at, std::optional<Protocol> protocol) {
  const bool targets = at.has("targets");
  const bool redirect = at.has("redirect");
  if (!for_http.contains(protocol.value_or(Protocol::http))) {
    if (!targets) at.fail("has no \"targets\"", "at least one target");
    return;
  }
  if (targets && redirect) at.fail("has both \"targets\" and \"redirect\"", "one of the two");
  if (!targets && !redirect) at.fail("has neither \"targets\" nor \"redirect\"", "one of the two");
  if (redirect && !targets) refuse_balancing(at);
}

}  // namespace

std::span<const Field<PortBody>> port_fields() noexcept {
  static constexpr Field<PortBody> fields[] = {
      {"targets", read_port_targets},
      {"redirect", read_redirect, for_http},
  };
  return fields;
}

PortSpec read_port(std::string_view proxy, std::string_view key, const Cursor& at, Settings settings,
                   Listening& listening) {
  PortSpec port;
  PortBody body;
  body.key = read_port_key(key, at);
  const std::optional<Protocol> protocol = body.key ? std::optional(body.key->protocol) : std::nullopt;
  if (!at.is_object("an object with \"targets\" or \"redirect\"")) return port;

  if (protocol) inherit_check(at, *protocol, settings);
  read_members(at, Table<PortBody>{port_fields(), body}, Table<Settings>{settings_fields(), settings});
  check_settings(at);
  check_purpose(at, protocol);
  if (body.key) {
    check_tailnet(at, proxy, *body.key, settings);
    listening.add(place_of(settings), *body.key, at);
  }
  if (!protocol) return port;
  refuse_foreign(at, port_fields(), *protocol);
  check_port(at, *protocol, settings);

  port.proxy = proxy;
  port.key = key;
  port.protocol = *protocol;
  port.port = body.key->port;
  port.port_count = body.key->count;
  port.targets = std::move(body.targets);
  apply(settings, port);
  port.http.redirect = std::move(body.redirect);
  return port;
}

}  // namespace evenkeel::config
