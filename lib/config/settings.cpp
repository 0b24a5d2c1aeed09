#include "config/settings.hpp"

#include <algorithm>

#include "evenkeel/strategy.hpp"

#include "base/target_url.hpp"
#include "config/affinity_reader.hpp"
#include "config/check_type.hpp"
#include "config/health_reader.hpp"
#include "config/listening.hpp"
#include "config/option_fields.hpp"
#include "config/syntax.hpp"
#include "config/tailnet_reader.hpp"
#include "config/tls_reader.hpp"
#include "config/transport_reader.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view balancing_keys[] = {"loadbalance",    "loadBalance",       "health",  "outlier",
                                               "panicThreshold", "slowStart",         "host",    "forwarded",
                                               "upgrades",       "upstream",          "retries", "targetTls",
                                               "hashKey",        "hashBalanceFactor", "sticky"};

void read_listen(const Cursor& at, Settings& settings) {
  constexpr std::string_view form = "an IP address, such as \"127.0.0.1\" or \"::1\"";
  auto text = at.string(form);
  if (!text) return;
  auto address = canonical_ip(*text);
  if (!address) return at.fail_value(std::string(form));
  settings.listen = std::move(*address);
}

void read_strategy(const Cursor& at, Settings& settings) {
  if (const auto index = at.choice("strategy", strategy_names()))
    settings.strategy = std::string(strategy_names()[*index]);
}

void read_forwarded(const Cursor& at, Settings& settings) {
  static constexpr std::string_view names[] = {"replace", "append", "off"};
  static constexpr ForwardedMode modes[] = {ForwardedMode::replace, ForwardedMode::append,
                                            ForwardedMode::off};
  if (const auto index = at.choice("mode", names)) settings.http.forwarded = modes[*index];
}

void read_via(const Cursor& at, Settings& settings) {
  if (at.json() == false) return settings.http.via.clear();
  constexpr std::string_view form = "one word for the Via field, such as \"evenkeel\"";
  auto via = at.string(form);
  if (!via) return;
  if (!is_token(*via)) return at.fail_value(std::string(form));
  settings.http.via = std::move(*via);
}

void read_upgrades(const Cursor& at, Settings& settings) {
  constexpr std::string_view form = "a protocol name, such as \"websocket\"";
  if (!at.is_array("an array of protocol names, such as [\"websocket\"]")) return;
  std::vector<std::string> upgrades;
  at.each_element([&](const Cursor& element) {
    const auto protocol = element.string(form);
    if (!protocol) return;
    if (!is_token(*protocol)) return element.fail_value(std::string(form));
    // Requests inside an h2c tunnel would pass unseen: no header rules, no limits, no balancing.
    if (lower(*protocol) == "h2c")
      return element.fail("would let requests past this proxy", std::string(form));
    upgrades.push_back(lower(*protocol));
  });
  settings.http.upgrades = std::move(upgrades);
}

void read_panic(const Cursor& at, Settings& settings) {
  if (const auto percent = at.whole_number(0, 100))
    settings.pool.panic_percent = static_cast<unsigned>(*percent);
}

void read_slow_start(const Cursor& at, Settings& settings) {
  read_duration_or_zero<&PoolOptions::slow_start>(at, settings.pool);
}

void read_target_host(const Cursor& at, Settings& settings) {
  if (at.json() == false) return settings.http.host.clear();
  read_host(at, settings.http.host);
}

void read_access_log(const Cursor& at, Settings& settings) {
  const auto on = at.boolean();
  if (on) settings.http.access_log = settings.tcp.access_log = settings.udp.access_log = *on;
}

void read_timeouts(const Cursor& at, Settings& settings) {
  read_object(at, timeouts_fields(), settings);
}

void read_limits(const Cursor& at, Settings& settings) {
  read_object(at, limits_fields(), settings);
}

void read_upstream(const Cursor& at, Settings& settings) {
  read_object(at, upstream_fields(), settings.http.upstream);
}

void read_per_client(const Cursor& at, Settings& settings) {
  if (at.json() == false) {
    settings.http.per_client = {};
  } else {
    read_object(at, per_client_fields(), settings.http.per_client);
  }
  settings.tcp.per_client = settings.http.per_client;
}

void read_retries(const Cursor& at, Settings& settings) {
  read_object(at, retries_fields(), settings.http.retry);
}

}  // namespace

std::span<const Field<Settings>> settings_fields() noexcept {
  static constexpr Field<Settings> fields[] = {
      {"listen", read_listen},
      {"loadbalance", read_strategy},
      {"loadBalance", read_strategy},
      {"health", read_health},
      {"outlier", read_outlier},
      {"panicThreshold", read_panic},
      {"slowStart", read_slow_start},
      {"accessLog", read_access_log},
      {"timeouts", read_timeouts},
      {"limits", read_limits},
      {"perClient", read_per_client, for_http_and_tcp},
      {"host", read_target_host, for_http},
      {"via", read_via, for_http},
      {"forwarded", read_forwarded, for_http},
      {"upgrades", read_upgrades, for_http},
      {"upstream", read_upstream, for_http},
      {"retries", read_retries, for_http},
      {"tls", read_tls, for_https},
      {"hsts", read_hsts, for_https},
      {"targetTls", read_target_tls, for_http},
      {"tailnet", read_tailnet},
      {"identityHeaders", read_identity_headers, for_http},
      {"allow", read_allow, for_http_and_tcp},
      {"affinity", read_affinity, for_tcp_and_udp},
      {"hashKey", read_hash_key, for_http},
      {"hashBalanceFactor", read_hash_balance_factor},
      {"sticky", read_sticky, for_http},
      {"keepAlive", read_keep_alive, for_tcp},
      {"noDelay", read_no_delay, for_tcp},
      {"proxyProtocol", read_proxy_protocol, for_tcp},
      {"acceptProxyProtocol", read_accepted_proxies, for_http_and_tcp},
      {"replies", read_replies, for_udp},
      {"receiveBuffer", read_receive_buffer, for_udp},
  };
  return fields;
}

void check_settings(const Cursor& level) {
  const auto one = level.member("loadbalance");
  const auto other = level.member("loadBalance");
  if (!one || !other) return;
  const Cursor& second = one->place().order < other->place().order ? *other : *one;
  second.fail("is given in both spellings", "\"loadbalance\" or \"loadBalance\", not both");
}

void refuse_balancing(const Cursor& redirect_port) {
  redirect_port.each_member([](std::string_view key, const Cursor& value) {
    if (std::ranges::find(balancing_keys, key) == std::end(balancing_keys)) return;
    value.fail("has no meaning beside \"redirect\"",
               "no \"" + std::string(key) + "\", since a redirect has no targets");
  });
}

void read_host(const Cursor& at, std::string& out) {
  auto host = at.string("a host name, or a host and port");
  if (!host) return;
  const auto authority = base::read_authority(*host);
  if (!authority) {
    return at.fail(in_quotes(*host) + ' ' + std::string(authority.error()),
                   "a host name, or a host and port");
  }
  out = std::move(*host);
}

void apply(const Settings& settings, PortSpec& port) {
  port.listen = settings.listen;
  port.strategy = settings.strategy.value_or(port.protocol == Protocol::udp ? "hash" : PortSpec{}.strategy);
  port.hash_balance_factor = settings.hash_balance_factor;
  port.pool = settings.pool;
  port.health = settings.health;
  port.health.type = settings.health_on ? check_of(settings, port.protocol) : CheckType::none;
  if (port.health.type == CheckType::http) port.health.send = port.health.receive = {};
  port.outlier = settings.outlier;
  if (!settings.outlier_on) port.outlier.consecutive_failures = 0;
  port.http = settings.http;
  std::string& cookie = port.http.sticky.cookie;
  if (!settings.sticky_on) port.http.sticky = {};
  // Cookies know hosts and no ports: those of a host's ports must differ.
  if (settings.sticky_on && cookie.empty()) cookie = "evenkeel-" + std::to_string(port.port);
  port.tcp = settings.tcp;
  if (port.protocol == Protocol::tcp) port.health.proxy_protocol = settings.tcp.proxy_protocol;
  port.udp = settings.udp;
  port.tls = settings.tls;
  port.target_tls = settings.target_tls;
  port.places = settings.places;
  if (settings.tailnet_on) {
    port.tailnet = settings.tailnet;
    port.allow = settings.allow;
    if (for_http.contains(port.protocol)) port.identity_headers = settings.identity_headers;
  }
  port.http.name = port.tcp.name = port.udp.name = port.health.name = port.proxy + ' ' + port.key;
}

}  // namespace evenkeel::config
