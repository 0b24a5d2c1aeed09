// What is told of a port: where it listens, what to do when it cannot, what else is set.
#include <catch2/catch.hpp>

#include "evenkeel/config.hpp"

#include "listen_report.hpp"
#include "transport_report.hpp"

using namespace evenkeel;
using Catch::Matchers::Contains;

namespace {

PortSpec port_of(std::string_view key, std::string_view more = "") {
  std::string text = R"({"proxies": {"p": {"ports": {")";
  text.append(key).append(R"(": {"targets": ["a:1"])").append(more).append("}}}}}");
  const auto config = parse_config(text);
  REQUIRE(config);
  return config->ports.front();
}

}  // namespace

TEST_CASE("an address shows all ports of a range") {
  CHECK(cli::address_text(port_of("8080/http")) == "127.0.0.1:8080");
  CHECK(cli::address_text(port_of("7000-7099/udp")) == "127.0.0.1:7000-7099");
  CHECK(cli::address_text(port_of("7000-7099/tcp", R"(, "listen": "::1")")) == "[::1]:7000-7099");
}

TEST_CASE("who holds a port is looked up among the sockets of its kind") {
  const Error in_use{ErrorCode::address_in_use, Fault::us, false, 0};
  CHECK_THAT(cli::listen_hint(port_of("8080/http"), in_use),
             Contains("holds it; `ss -ltnp 'sport = :8080'` as root"));
  CHECK_THAT(cli::listen_hint(port_of("5432/tcp"), in_use), Contains("`ss -ltnp 'sport = :5432'`"));
  CHECK_THAT(cli::listen_hint(port_of("53/udp"), in_use), Contains("`ss -lunp 'sport = :53'`"));
  CHECK_THAT(cli::listen_hint(port_of("7000-7099/udp"), in_use),
             Contains("holds one of them; `ss -lunp 'sport >= :7000 and sport <= :7099'`"));
}

TEST_CASE("a tcp port tells its settings in a line") {
  CHECK(cli::transport_text(port_of("1/tcp")) == "idle 1h, connect 3s (10s in all), keep-alive after 1m");
  CHECK(cli::transport_text(
            port_of("1/tcp", R"(, "keepAlive": false, "timeouts": {"queue": "2s", "drain": "500ms"},
    "limits": {"connections": 9, "connectionsPerTarget": 3, "queue": 4}, "proxyProtocol": "v2",
    "acceptProxyProtocol": ["10.0.0.0/8", "::1"])")) ==
        "idle 1h, connect 3s (10s in all), no keep-alive, up to 9 connections, up to 3 a target, 4 may wait "
        "2s, "
        "drain 500ms, PROXY v2 to targets, PROXY header due from 10.0.0.0/8 ::1");
  CHECK_THAT(cli::transport_text(port_of("1/tcp", R"(, "timeouts": {"idle": "0s"})")),
             Contains("never idle, "));
}

TEST_CASE("a udp port tells its settings in a line") {
  CHECK(cli::transport_text(port_of("1/udp", R"(, "affinity": "ip+port", "replies": 1)")) ==
        "idle 1m, up to 65536 sessions, 1 reply, a target by ip+port");
  CHECK(cli::transport_text(port_of("1/udp", R"(, "loadbalance": "first", "replies": 2)")) ==
        "idle 1m, up to 65536 sessions, 2 replies");
}

TEST_CASE("programs get the settings as JSON") {
  const auto tcp =
      cli::transport_json(port_of("1/tcp", R"(, "keepAlive": false, "acceptProxyProtocol": ["::1"])"));
  CHECK(tcp.at("idle_ms") == 3'600'000);
  CHECK(tcp.at("keep_alive").is_null());
  CHECK(tcp.at("accept_proxy_protocol").dump() == R"(["::1"])");
  CHECK(cli::transport_json(port_of("1/tcp")).at("keep_alive").at("probes") == 4);
  CHECK(cli::transport_json(port_of("1/udp")).at("affinity") == "ip");
  CHECK(cli::transport_json(port_of("1/http")).dump() == R"({"hash_key":"ip","sticky":null})");
  CHECK(cli::transport_json(port_of("1/http", R"(, "sticky": true)")).at("sticky").at("cookie") ==
        "evenkeel-1");
}

TEST_CASE("of an http port is told what keeps a client on its target") {
  CHECK(cli::transport_text(port_of("1/http")).empty());
  CHECK(cli::transport_text(port_of("1/http", R"(, "loadbalance": "hash", "hashKey": "uri")")) ==
        "a target by uri");
  CHECK(cli::transport_text(port_of("1/http", R"(, "sticky": {"cookie": "sid"})")) == "sticky by cookie sid");
}
