// What belongs to ports of one protocol, in ports of another.
#include "config/protocols.hpp"

#include <catch2/catch.hpp>

#include "config/option_fields.hpp"
#include "spec.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;
using evenkeel::PortSpec;
using evenkeel::Protocol;
namespace config = evenkeel::config;

namespace {

std::string key_of(Protocol protocol) {
  return "80/" + std::string(to_string(protocol));
}

// null is wrong as a value of every key; what means nothing here is wrong twice.
bool is_refused(Protocol protocol, std::string_view section, std::string_view key) {
  std::string more = "\"" + std::string(key) + "\": null";
  if (!section.empty()) more = "\"" + std::string(section) + "\": {" + more + "}";
  const auto lines = spec::errors(spec::certified(spec::port_at(key_of(protocol), more)));
  for (const std::string& line : lines) {
    if (line.find("has no meaning in " + config::port_of(protocol)) != std::string::npos) return true;
  }
  return false;
}

template <class T>
void check_table(std::string_view section, std::span<const config::Field<T>> fields) {
  for (const config::Field<T>& field : fields) {
    for (const Protocol protocol : config::all_protocols) {
      CAPTURE(section, field.key, to_string(protocol));
      CHECK(is_refused(protocol, section, field.key) != field.protocols.contains(protocol));
    }
  }
}

}  // namespace

TEST_CASE("a key that means nothing in a port is an error on the port itself") {
  check_table("", config::settings_fields());
  check_table("timeouts", config::timeouts_fields());
  check_table("limits", config::limits_fields());
}

TEST_CASE("the error says whose key it is") {
  CHECK(spec::error(spec::tcp(R"("via": "x")")) ==
        "/via: has no meaning in a tcp port; expected no \"via\", which is for http and https ports");
  CHECK(spec::error(spec::udp(R"("perClient": {"connections": 1})")) ==
        "/perClient: has no meaning in a udp port; expected no \"perClient\", which is for http, https and "
        "tcp ports");
  CHECK(
      spec::error(spec::port(R"("affinity": "ip")")) ==
      "/affinity: has no meaning in an http port; expected no \"affinity\", which is for tcp and udp ports");
  CHECK(spec::error(spec::udp(R"("timeouts": {"connect": "1s"})")) ==
        "/timeouts/connect: has no meaning in a udp port; expected no \"connect\", which is for http, https "
        "and tcp ports");
  CHECK(spec::error(spec::port(R"("limits": {"sessions": 1})")) ==
        "/limits/sessions: has no meaning in an http port; expected no \"sessions\", which is for udp ports");
}

TEST_CASE("the same key is passed over where it is inherited") {
  const std::string everything = R"("via": "x", "host": "a", "upgrades": ["x"], "upstream": {"maxIdle": 1},
    "retries": {"attempts": 1}, "forwarded": "off", "keepAlive": false, "noDelay": false, "proxyProtocol": "v1",
    "acceptProxyProtocol": ["::1"], "affinity": "ip", "replies": 1, "receiveBuffer": 1, "perClient": {"burst": 1},
    "tls": {"certificates": [{"certificate": "a", "key": "b"}]}, "hsts": "max-age=1", "targetTls": {"ca": "c"},
    "timeouts": {"handshake": "1s", "head": "1s", "connect": "1s", "queue": "1s", "proxyHeader": "1s", "drain": "1s"},
    "limits": {"headers": 1, "queue": 1, "sessions": 1})";
  const std::string ports = R"("ports": {"1/http": {"targets": ["a:1"]}, "2/tcp": {"targets": ["a:1"]},
                                         "3/udp": {"targets": ["a:1"]}, "4/https": {"targets": ["a:1"]}})";
  CHECK(spec::config("{" + everything + R"(, "proxies": {"p": {)" + ports + "}}}").ports.size() == 4);
  CHECK(spec::config(R"({"proxies": {"p": {)" + everything + ", " + ports + "}}}").ports.size() == 4);
}

TEST_CASE("idle may be zero in a tcp port: then keep-alive decides") {
  CHECK(spec::only_port(spec::tcp(R"("timeouts": {"idle": "0s"})")).tcp.timeouts.idle == 0s);
  CHECK(spec::error(spec::port(R"("timeouts": {"idle": "0s"})")) ==
        "/timeouts/idle: is zero, which only a tcp port can use; expected a duration longer than zero, or "
        "another "
        "\"idle\" in an http port");
  CHECK_THAT(spec::error(spec::udp(R"("timeouts": {"idle": "0s"})")),
             StartsWith("/timeouts/idle: is zero, which only a tcp port can use; "));
}

TEST_CASE("a zero that is inherited is a mistake where it was said, unless the port says something else") {
  const auto both = [](std::string_view http) {
    return spec::errors(R"({"timeouts": {"idle": "0s"}, "proxies": {"p": {"ports": {
      "1/tcp": {"targets": ["a:1"]}, "2/http": {"targets": ["a:1"])" +
                        std::string(http) + "}}}}}");
  };
  REQUIRE(both("").size() == 1);
  CHECK_THAT(both("")[0], StartsWith("/timeouts/idle: is zero"));
  CHECK(both(R"(, "timeouts": {"idle": "1m"})").empty());
  CHECK_THAT(
      spec::error(
          R"({"proxies": {"p": {"timeouts": {"idle": "0s"}, "ports": {"53/udp": {"targets": ["a:1"]}}}}})"),
      StartsWith("/proxies/p/timeouts/idle: is zero"));
}

TEST_CASE("without idle and without keep-alive nothing would ever end") {
  CHECK(
      spec::error(spec::tcp(R"("timeouts": {"idle": "0s"}, "keepAlive": false)")) ==
      "/timeouts/idle: is zero where \"keepAlive\" is false: connections to peers that vanished would stay; "
      "expected a duration longer than zero, or \"keepAlive\"");
}

TEST_CASE("keepAlive is on, off, or on with figures") {
  using evenkeel::KeepAlive;
  const auto keep_alive = [](std::string_view value) {
    return spec::only_port(spec::tcp("\"keepAlive\": " + std::string(value))).tcp.keep_alive;
  };
  CHECK(keep_alive("true") == KeepAlive{});
  CHECK_FALSE(keep_alive("false").on);
  CHECK(keep_alive("{}") == KeepAlive{});
  CHECK(keep_alive(R"({"after": "9h", "interval": "1s", "probes": 127})") == KeepAlive{true, 9h, 1s, 127});

  // Off and on again: with what the levels above had said.
  const auto merged = spec::only_port(R"({"keepAlive": {"after": "5s"}, "proxies": {"p": {"keepAlive": false,
    "ports": {"1/tcp": {"targets": ["a:1"], "keepAlive": {"probes": 2}}}}}})")
                          .tcp.keep_alive;
  CHECK(merged == KeepAlive{true, 5s, 15s, 2});

  const auto error = [](std::string_view value) {
    return spec::error(spec::tcp("\"keepAlive\": " + std::string(value)));
  };
  CHECK(error(R"({"after": "1500ms"})") ==
        "/keepAlive/after: is \"1500ms\"; expected whole seconds, from \"1s\" to \"9h\"");
  CHECK(error(R"({"interval": "9h1s"})") ==
        "/keepAlive/interval: is \"9h1s\"; expected whole seconds, from \"1s\" to \"9h\"");
  CHECK(error(R"({"after": "0s"})") == "/keepAlive/after: is \"0s\"; expected a duration longer than zero");
  CHECK(error(R"({"probes": 0})") == "/keepAlive/probes: is 0; expected a whole number from 1 to 127");
  CHECK(error("\"on\"") ==
        "/keepAlive: is a string; expected true, false, or an object with \"after\", \"interval\" or "
        "\"probes\"");
}

TEST_CASE("proxyProtocol is a version, or false") {
  using evenkeel::ProxyVersion;
  const auto version = [](std::string_view value) {
    return spec::only_port(spec::tcp("\"proxyProtocol\": " + std::string(value))).tcp.proxy_protocol;
  };
  CHECK(version("\"v1\"") == ProxyVersion::v1);
  CHECK(version("\"v2\"") == ProxyVersion::v2);
  CHECK(version("false") == ProxyVersion::none);
  CHECK(spec::only_port(R"({"proxyProtocol": "v2", "proxies": {"p": {"ports": {
    "1/tcp": {"targets": ["a:1"], "proxyProtocol": false}}}}})")
            .tcp.proxy_protocol == ProxyVersion::none);
  CHECK(
      spec::error(spec::tcp(R"("proxyProtocol": "v3")")) ==
      "/proxyProtocol: unknown version of the PROXY protocol \"v3\" (did you mean \"v1\"?); expected one of "
      "\"v1\", \"v2\"");
  CHECK(spec::error(spec::tcp(R"("proxyProtocol": true)")) ==
        "/proxyProtocol: is true; expected \"v1\", \"v2\", or false");
}

TEST_CASE("acceptProxyProtocol is a list of addresses and prefixes") {
  CHECK(spec::only_port(R"({"acceptProxyProtocol": ["::1"], "proxies": {"p": {"ports": {
    "1/tcp": {"targets": ["a:1"], "acceptProxyProtocol": []}}}}})")
            .tcp.accept_proxy_protocol.empty());
  const std::string form = "expected an address or a prefix, such as \"10.0.0.0/8\" or \"::1\"";
  for (const char* wrong :
       {"", "localhost", "10.0.0.0/33", "10.0.0.1/8", "::1/129", "10.0.0.0/", "[::1]", "a/8"}) {
    CAPTURE(wrong);
    const std::string error =
        spec::error(spec::tcp(R"("acceptProxyProtocol": ["::1", ")" + std::string(wrong) + "\"]"));
    CHECK_THAT(error, StartsWith("/acceptProxyProtocol/1: \"" + std::string(wrong) + "\" "));
    CHECK_THAT(error, Catch::Matchers::EndsWith(form));
  }
  CHECK(spec::error(spec::tcp(R"("acceptProxyProtocol": [1])")) ==
        "/acceptProxyProtocol/0: is a number; " + form);
  CHECK(spec::error(spec::tcp(R"("acceptProxyProtocol": "::1")")) ==
        "/acceptProxyProtocol: is a string; expected an array of addresses and prefixes, such as "
        "[\"10.0.0.0/8\"]");
}

TEST_CASE("a time-out for something that cannot happen is a mistake on the port itself") {
  CHECK(spec::error(spec::tcp(R"("timeouts": {"proxyHeader": "1s"})")) ==
        "/timeouts/proxyHeader: has no meaning without \"acceptProxyProtocol\"; expected the peers in "
        "\"acceptProxyProtocol\", or no \"proxyHeader\"");
  CHECK_THAT(spec::error(spec::tcp(R"("acceptProxyProtocol": [], "timeouts": {"proxyHeader": "1s"})")),
             StartsWith("/timeouts/proxyHeader: has no meaning"));
  CHECK(spec::error(spec::tcp(R"("timeouts": {"queue": "1s"})")) ==
        "/timeouts/queue: has no meaning without a \"queue\" in \"limits\"; expected that, or no \"queue\" "
        "here");
  CHECK(spec::only_port(spec::tcp(R"("limits": {"queue": 1}, "timeouts": {"queue": "1s"})"))
            .tcp.timeouts.queue == 1s);
  CHECK(spec::error(spec::tcp(R"("acceptProxyProtocol": ["::1"], "timeouts": {"proxyHeader": "0s"})")) ==
        "/timeouts/proxyHeader: is \"0s\"; expected a duration longer than zero");
  CHECK(spec::only_port(spec::tcp(R"("timeouts": {"drain": "0s"})")).tcp.timeouts.drain == 0s);
}

TEST_CASE("affinity, replies and receiveBuffer have their ranges") {
  CHECK(spec::error(spec::udp(R"("affinity": "port")")) ==
        "/affinity: unknown affinity \"port\"; expected one of \"ip\", \"ip+port\"");
  CHECK(spec::error(spec::udp(R"("replies": 1000001)")) ==
        "/replies: is 1000001; expected a whole number from 0 to 1000000");
  CHECK(spec::only_port(spec::udp(R"("receiveBuffer": "1GiB")")).udp.receive_buffer == 1ULL << 30);
  CHECK(spec::error(spec::udp(R"("receiveBuffer": "2GiB")")) ==
        "/receiveBuffer: is \"2GiB\"; expected a size in bytes from 0 to 1073741824");
  CHECK(spec::error(spec::udp(R"("limits": {"sessions": 0})")) ==
        "/limits/sessions: is 0; expected a whole number from 1 to 1000000");
}

TEST_CASE("names of protocols read as a sentence") {
  CHECK(config::names_of(config::for_https) == "https");
  CHECK(config::names_of(config::for_http) == "http and https");
  CHECK(config::names_of(config::for_http_and_tcp) == "http, https and tcp");
  CHECK(config::names_of(config::for_all) == "http, https, tcp and udp");
  CHECK(config::names_of(config::Protocols()).empty());
  CHECK(config::names_of(config::for_tcp_and_udp) == "tcp and udp");
  CHECK(config::port_of(Protocol::http) == "an http port");
  CHECK(config::port_of(Protocol::https) == "an https port");
  CHECK(config::port_of(Protocol::udp) == "a udp port");
}

TEST_CASE("what an outer level asks for an inner one turns off with false") {
  const evenkeel::PortSpec port = spec::only_port(spec::levels(
      R"("via": "keel", "host": "app", "perClient": {"connections": 3}, "allow": ["*"],
                      "tailnet": {"mode": "host"}, "tls": {"clientCa": "ca.pem"})",
      "", R"("via": false, "host": false, "perClient": false, "allow": false, "tailnet": false)"));
  CHECK(port.http.via.empty());
  CHECK(port.http.host.empty());
  CHECK_FALSE(port.http.per_client.any());
  CHECK(port.allow.empty());
  const evenkeel::PortSpec open = spec::only_port(
      R"({"tls": {"clientCa": "ca.pem", "certificates": [{"certificate": "a", "key": "b"}]},
          "proxies": {"p": {"ports": {"443/https": {"targets": ["a:1"], "tls": {"clientCa": false}}}}}})");
  CHECK(open.tls.client_ca.empty());
}

TEST_CASE("a burst has no meaning without a rate") {
  CHECK(spec::error(spec::tcp(R"("perClient": {"burst": 2})")) ==
        "/perClient/burst: has no meaning without \"requestsPerSecond\"; expected that, or no \"burst\"");
}
