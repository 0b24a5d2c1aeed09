#include "config/port_reader.hpp"

#include "config/syntax.hpp"
#include "config/target_reader.hpp"

namespace evenkeel::config {
namespace {

void read_port_targets(const Cursor& at, PortBody& body) {
  body.targets = read_targets(at, body.protocol);
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

void check_purpose(const Cursor& at) {
  const bool targets = at.has("targets");
  const bool redirect = at.has("redirect");
  if (targets && redirect) at.fail("has both \"targets\" and \"redirect\"", "one of the two");
  if (!targets && !redirect) at.fail("has neither \"targets\" nor \"redirect\"", "one of the two");
  if (redirect && !targets) refuse_balancing(at);
}

}  // namespace

std::span<const Field<PortBody>> port_fields() noexcept {
  static constexpr Field<PortBody> fields[] = {
      {"targets", read_port_targets},
      {"redirect", read_redirect},
  };
  return fields;
}

PortSpec read_port(std::string_view proxy, std::string_view key, const Cursor& at, Settings settings,
                   Listening& listening) {
  PortSpec port;
  const auto port_key = read_port_key(key, at);
  if (!at.is_object("an object with \"targets\" or \"redirect\"")) return port;

  PortBody body;
  if (port_key) body.protocol = port_key->protocol;
  read_members(at, Table<PortBody>{port_fields(), body}, Table<Settings>{settings_fields(), settings});
  check_settings(at);
  check_purpose(at);
  if (!port_key) return port;
  listening.add(settings.listen, *port_key, at);

  port.proxy = proxy;
  port.key = key;
  port.port = port_key->port;
  port.targets = std::move(body.targets);
  apply(settings, port);
  port.http.redirect = std::move(body.redirect);
  port.http.name = port.proxy + ' ' + port.key;
  port.health.name = port.http.name;
  return port;
}

}  // namespace evenkeel::config
