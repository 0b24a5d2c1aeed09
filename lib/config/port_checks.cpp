#include "config/port_checks.hpp"

#include <algorithm>
#include <cctype>

#include "config/check_type.hpp"
#include "config/option_fields.hpp"

namespace evenkeel::config {
namespace {

std::optional<Cursor> member_of(const Cursor& port, std::string_view section, std::string_view key) {
  const auto object = port.member(section);
  return object && object->json().is_object() ? object->member(key) : std::nullopt;
}

void check_idle(Protocol protocol, const Settings& settings) {
  if (!settings.idle || settings.tcp.timeouts.idle.count() != 0) return;
  if (protocol != Protocol::tcp) {
    return settings.idle->fail("is zero, which only a tcp port can use",
                               "a duration longer than zero, or another \"idle\" in " + port_of(protocol));
  }
  if (!settings.tcp.keep_alive.on) {
    settings.idle->fail("is zero where \"keepAlive\" is false: connections to peers that vanished would stay",
                        "a duration longer than zero, or \"keepAlive\"");
  }
}

void check_tls(const Cursor& port, const Settings& settings) {
  if (!settings.has_certificates && !settings.tailnet_on) {
    port.fail("has no certificate",
              "\"tls\": {\"certificates\": [{\"certificate\": PATH, \"key\": PATH}]}, here or further out; "
              "`evenkeel cert --self-signed NAME` makes one to try things out");
  }
  const auto client_ca = member_of(port, "tls", "clientCa");
  if (!settings.tls.client_ca.empty() || (client_ca && client_ca->json() != false)) return;
  if (const auto value = member_of(port, "tls", "clientCertificates")) {
    value->fail("has no meaning without \"clientCa\"",
                "the CAs that sign them in \"clientCa\", or no \"clientCertificates\"");
  }
}

// RFC 6265bis section 4.1.3: browsers drop such a cookie where it is not "Secure".
void check_cookie(Protocol protocol, const Settings& settings) {
  if (protocol != Protocol::http || !settings.sticky_on || !settings.cookie) return;
  const std::string_view name = settings.http.sticky.cookie;
  const auto begins_with = [&](std::string_view prefix) {
    return std::ranges::equal(name.substr(0, prefix.size()), prefix, {},
                              [](unsigned char c) { return std::tolower(c); });
  };
  if (begins_with("__host-") || begins_with("__secure-"))
    settings.cookie->fail_value("a name without \"__Host-\" or \"__Secure-\", which are for https ports");
}

// Only what the port says itself: a document may prepare for ports that come later.
void check_idle_words(const Cursor& port, const Settings& settings) {
  const auto nothing = [](const std::optional<Cursor>& value) {
    return !value || value->json().empty() || value->json() == 0;
  };
  if (settings.tcp.accept_proxy_protocol.empty() && nothing(port.member("acceptProxyProtocol"))) {
    if (const auto value = member_of(port, "timeouts", "proxyHeader"))
      value->fail("has no meaning without \"acceptProxyProtocol\"",
                  "the peers in \"acceptProxyProtocol\", or no \"proxyHeader\"");
  }
  if (settings.tcp.limits.queue == 0 && nothing(member_of(port, "limits", "queue"))) {
    if (const auto value = member_of(port, "timeouts", "queue"))
      value->fail("has no meaning without a \"queue\" in \"limits\"", "that, or no \"queue\" here");
  }
  if (settings.http.per_client.requests_per_second == 0) {
    const auto value = member_of(port, "perClient", "burst");
    if (value && value->json() != 0)
      value->fail("has no meaning without \"requestsPerSecond\"", "that, or no \"burst\"");
  }
}

}  // namespace

void check_port(const Cursor& port, Protocol protocol, const Settings& settings) {
  refuse_foreign(port, settings_fields(), protocol);
  if (const auto timeouts = port.member("timeouts")) refuse_foreign(*timeouts, timeouts_fields(), protocol);
  if (const auto limits = port.member("limits")) refuse_foreign(*limits, limits_fields(), protocol);
  refuse_check(port, protocol, settings);
  check_idle(protocol, settings);
  check_cookie(protocol, settings);
  if (protocol == Protocol::https) check_tls(port, settings);
  if (protocol != Protocol::udp) check_idle_words(port, settings);
}

}  // namespace evenkeel::config
