#include <catch2/catch.hpp>

#include "spec.hpp"

using namespace std::chrono_literals;
using evenkeel::ForwardedMode;
using evenkeel::PortSpec;
using Names = std::vector<std::string>;

TEST_CASE("a spec that says nothing gets the defaults of the library") {
  const evenkeel::Config config = spec::config(spec::port(""));
  CHECK(config.workers == 0);
  CHECK(config.drain_timeout == 30s);
  const PortSpec port = spec::only_port(spec::port(""));
  const PortSpec defaults;
  CHECK(port.listen == "127.0.0.1");
  CHECK(port.strategy == "roundrobin");
  CHECK(port.http.timeouts == defaults.http.timeouts);
  CHECK(port.http.limits == defaults.http.limits);
  CHECK(port.http.upstream == defaults.http.upstream);
  CHECK(port.http.retry == defaults.http.retry);
  CHECK(port.http.upgrades == Names{"websocket"});
}

TEST_CASE("every setting reaches its place") {
  const PortSpec port = spec::only_port(spec::port(R"(
    "listen": "0.0.0.0", "loadbalance": "leastconn", "panicThreshold": 50, "slowStart": "10s",
    "host": "app.internal", "via": "keel", "forwarded": "append", "upgrades": ["WebSocket", "tls"], "accessLog": true,
    "acceptProxyProtocol": ["192.0.2.0/24"],
    "timeouts": {"proxyHeader": "9s", "head": "1s", "idle": "2s", "body": "3s", "connect": "4s", "response": "5s", "request": "6s",
                 "tunnel": "7s"},
    "limits": {"headBytes": 1001, "headers": 2, "uriBytes": 1003, "bodyBytes": 1004, "trailerBytes": 1005,
               "chunkLineBytes": 1006, "connections": 7, "requestsPerConnection": 8},
    "upstream": {"maxIdle": 9, "idle": "8s"},
    "hashKey": "header:X-User", "hashBalanceFactor": 125, "sticky": {"cookie": "sid", "maxAge": "1h"},
    "retries": {"attempts": 2, "budgetPercent": 11, "budgetMinPerSecond": 12},
    "perClient": {"requestsPerSecond": 13, "burst": 14, "connections": 15})"));
  CHECK(port.listen == "0.0.0.0");
  CHECK(port.strategy == "leastconn");
  CHECK(port.pool.panic_percent == 50);
  CHECK(port.pool.slow_start == 10s);
  CHECK(port.hash_balance_factor == 125);
  CHECK(port.http.hash_key == evenkeel::HashKey{evenkeel::HashKey::By::header, "X-User"});
  CHECK(port.http.sticky == evenkeel::StickyOptions{"sid", 3'600s});
  CHECK(port.http.host == "app.internal");
  CHECK(port.http.via == "keel");
  CHECK(port.http.accept_proxy_protocol == Names{"192.0.2.0/24"});
  CHECK(port.http.forwarded == ForwardedMode::append);
  CHECK(port.http.upgrades == Names{"websocket", "tls"});
  CHECK(port.http.access_log);
  CHECK(port.http.timeouts == evenkeel::HttpTimeouts{9s, 10s, 1s, 2s, 3s, 4s, 5s, 6s, 7s});
  CHECK(port.http.limits == evenkeel::HttpLimits{1001, 2, 1003, 1004, 1005, 1006, 7, 8});
  CHECK(port.http.upstream == evenkeel::UpstreamOptions{9, 8s});
  CHECK(port.http.retry == evenkeel::RetryOptions{2, 11, 12});
  CHECK(port.http.per_client == evenkeel::ClientLimits{13, 14, 15});
}

TEST_CASE("every setting of a tcp port reaches its place") {
  const PortSpec port = spec::only_port(spec::tcp(R"(
    "listen": "::1", "loadbalance": "first", "panicThreshold": 50, "slowStart": "10s", "accessLog": true,
    "timeouts": {"connect": "1s", "connectDeadline": "2s", "idle": "3s", "queue": "4s", "proxyHeader": "5s",
                 "drain": "6s"},
    "limits": {"connections": 7, "connectionsPerTarget": 8, "queue": 9},
    "keepAlive": {"after": "10s", "interval": "11s", "probes": 12},
    "noDelay": false, "proxyProtocol": "v2", "acceptProxyProtocol": ["10.0.0.0/8", "::1"], "affinity": "ip+port",
    "perClient": {"requestsPerSecond": 13, "burst": 14, "connections": 15})"));
  CHECK(port.listen == "::1");
  CHECK(port.strategy == "first");
  CHECK(port.pool.panic_percent == 50);
  CHECK(port.pool.slow_start == 10s);
  CHECK(port.tcp.access_log);
  CHECK(port.tcp.timeouts == evenkeel::TcpTimeouts{1s, 2s, 3s, 4s, 5s, 6s});
  CHECK(port.tcp.limits == evenkeel::TcpLimits{7, 8, 9});
  CHECK(port.tcp.keep_alive == evenkeel::KeepAlive{true, 10s, 11s, 12});
  CHECK_FALSE(port.tcp.no_delay);
  CHECK(port.tcp.proxy_protocol == evenkeel::ProxyVersion::v2);
  CHECK(port.tcp.accept_proxy_protocol == Names{"10.0.0.0/8", "::1"});
  CHECK(port.tcp.affinity == evenkeel::Affinity::ip_and_port);
  CHECK(port.tcp.per_client == evenkeel::ClientLimits{13, 14, 15});
}

TEST_CASE("every setting of a udp port reaches its place") {
  const PortSpec port = spec::only_port(spec::udp(R"(
    "loadbalance": "leastconn", "accessLog": true, "timeouts": {"idle": "1s"}, "limits": {"sessions": 2},
    "replies": 3, "receiveBuffer": "4KiB", "affinity": "ip+port")"));
  CHECK(port.strategy == "leastconn");
  CHECK(port.udp.access_log);
  CHECK(port.udp.idle == 1s);
  CHECK(port.udp.sessions == 2);
  CHECK(port.udp.replies == 3);
  CHECK(port.udp.receive_buffer == 4'096);
  CHECK(port.udp.affinity == evenkeel::Affinity::ip_and_port);
}

TEST_CASE("tcp and udp ports that say nothing get the defaults of the library") {
  const evenkeel::TcpOptions tcp = spec::only_port(spec::tcp("")).tcp;
  CHECK(tcp.timeouts == evenkeel::TcpTimeouts{});
  CHECK(tcp.limits == evenkeel::TcpLimits{});
  CHECK(tcp.keep_alive == evenkeel::KeepAlive{});
  CHECK(tcp.proxy_protocol == evenkeel::ProxyVersion::none);
  CHECK(tcp.accept_proxy_protocol.empty());
  const evenkeel::UdpOptions udp = spec::only_port(spec::udp("")).udp;
  CHECK(udp.idle == evenkeel::UdpOptions{}.idle);
  CHECK(udp.sessions == evenkeel::UdpOptions{}.sessions);
  CHECK(spec::only_port(spec::tcp("")).strategy == "roundrobin");
  CHECK(spec::only_port(spec::udp("")).strategy == "hash");
}

TEST_CASE("one word at the top is heard by the ports of every protocol that knows it") {
  const auto config = spec::config(R"({"accessLog": true, "loadbalance": "random",
    "timeouts": {"idle": "7s", "connect": "8s"}, "limits": {"connections": 9}, "perClient": {"connections": 10},
    "proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}, "81/tcp": {"targets": ["a:1"]},
                                "82/udp": {"targets": ["a:1"]}}}}})");
  const PortSpec& http = config.ports[0];
  const PortSpec& tcp = config.ports[1];
  const PortSpec& udp = config.ports[2];
  CHECK((http.http.access_log && tcp.tcp.access_log && udp.udp.access_log));
  CHECK((http.strategy == "random" && tcp.strategy == "random" && udp.strategy == "random"));
  CHECK((http.http.timeouts.idle == 7s && tcp.tcp.timeouts.idle == 7s && udp.udp.idle == 7s));
  CHECK((http.http.timeouts.connect == 8s && tcp.tcp.timeouts.connect == 8s));
  CHECK((http.http.limits.connections == 9 && tcp.tcp.limits.connections == 9));
  CHECK((http.http.per_client.connections == 10 && tcp.tcp.per_client.connections == 10));
}

TEST_CASE("the document has two settings of its own") {
  const auto config =
      spec::config(spec::levels(R"("$schema": "x", "workers": 4, "drainTimeout": "5s")", "", ""));
  CHECK(config.workers == 4);
  CHECK(config.drain_timeout == 5s);
}

TEST_CASE("the nearer level wins") {
  const std::string top = R"("via": "top")";
  const std::string proxy = R"("via": "proxy")";
  const std::string port = R"("via": "port")";
  CHECK(spec::only_port(spec::levels(top, "", "")).http.via == "top");
  CHECK(spec::only_port(spec::levels(top, proxy, "")).http.via == "proxy");
  CHECK(spec::only_port(spec::levels(top, proxy, port)).http.via == "port");
}

TEST_CASE("objects merge key by key") {
  const auto timeouts =
      spec::only_port(spec::levels(R"("timeouts": {"head": "1s", "idle": "1s", "body": "1s"})",
                                   R"("timeouts": {"idle": "2s", "body": "2s"})",
                                   R"("timeouts": {"body": "3s"})"))
          .http.timeouts;
  CHECK(timeouts.head == 1s);
  CHECK(timeouts.idle == 2s);
  CHECK(timeouts.body == 3s);
  CHECK(timeouts.connect == evenkeel::HttpTimeouts{}.connect);
}

TEST_CASE("arrays are replaced whole") {
  CHECK(
      spec::only_port(spec::levels(R"("upgrades": ["a", "b"])", "", R"("upgrades": ["c"])")).http.upgrades ==
      Names{"c"});
  CHECK(spec::only_port(spec::levels(R"("upgrades": ["a"])", "", R"("upgrades": [])")).http.upgrades.empty());
}

TEST_CASE("settings that come after the proxies in the file hold for them too") {
  CHECK(spec::only_port(R"({"proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}}, "via": "x"}},
                            "listen": "::1"})")
            .listen == "::1");
}

TEST_CASE("what one port says stays with it") {
  const auto config =
      spec::config(spec::ports(R"("80/http": {"targets": ["a:1"], "via": "x", "health": false},
                                                  "81/http": {"targets": ["a:1"]})"));
  CHECK(config.ports[1].http.via.empty());
  CHECK(config.ports[1].health.type == evenkeel::CheckType::tcp);
}

TEST_CASE("both spellings of loadbalance are accepted, at every level, but not together") {
  CHECK(spec::only_port(spec::port(R"("loadbalance": "first")")).strategy == "first");
  CHECK(spec::only_port(spec::port(R"("loadBalance": "first")")).strategy == "first");
  CHECK(spec::only_port(spec::levels("", R"("loadBalance": "random")", "")).strategy == "random");
  CHECK(
      spec::only_port(spec::levels(R"("loadBalance": "random")", R"("loadbalance": "first")", "")).strategy ==
      "first");
  CHECK(spec::error(spec::port(R"("loadBalance": "first", "loadbalance": "first")")) ==
        "/loadbalance: is given in both spellings; expected \"loadbalance\" or \"loadBalance\", not both");
}

TEST_CASE("an unknown strategy is told the nearest one") {
  CHECK(spec::error(spec::port(R"("loadbalance": "round-robin")")) ==
        "/loadbalance: unknown strategy \"round-robin\" (did you mean \"roundrobin\"?); expected one of "
        "\"roundrobin\", \"leastconn\", \"first\", \"random\", \"p2c\", \"ewma\", \"hotcold\", \"hash\"");
}

TEST_CASE("listen is an IP address, kept in its canonical form") {
  CHECK(spec::only_port(spec::port(R"("listen": "0:0:0:0:0:0:0:1")")).listen == "::1");
  CHECK(spec::only_port(spec::port(R"("listen": "2001:DB8::A")")).listen == "2001:db8::a");
  for (const char* wrong :
       {"", "localhost", "127.1", "0.0.0.0:80", "[::1]", "10.0.0.0/8", "fe80::1%eth0", "::1\\u0000"}) {
    CAPTURE(wrong);
    CHECK(spec::error(spec::port(R"("listen": ")" + std::string(wrong) + "\"")) != "no mistake");
  }
}

TEST_CASE("host is a valid Host field") {
  CHECK(spec::only_port(spec::port(R"("host": "App.Example:8080")")).http.host == "App.Example:8080");
  CHECK(spec::only_port(spec::port(R"("host": "[::1]:80")")).http.host == "[::1]:80");
  for (const char* wrong : {"", "a b", "a\\r\\nX: y", "http://a", "a/b", "a:b", "a@b", "::1", "a,b"}) {
    CAPTURE(wrong);
    CHECK(spec::error(spec::port(R"("host": ")" + std::string(wrong) + "\"")) != "no mistake");
    CHECK(spec::error(spec::port(R"("health": {"host": ")" + std::string(wrong) + "\"}")) != "no mistake");
  }
}

TEST_CASE("via and upgrades are tokens") {
  CHECK(spec::error(spec::port(R"("via": "a b")")) ==
        "/via: is \"a b\"; expected one word for the Via field, such as \"evenkeel\"");
  CHECK(spec::error(spec::port(R"("via": "a\r\nb")")) != "no mistake");
  CHECK(spec::error(spec::port(R"("via": "")")) != "no mistake");
  CHECK(spec::error(spec::port(R"("upgrades": ["a", "b c"])")) ==
        "/upgrades/1: is \"b c\"; expected a protocol name, such as \"websocket\"");
  CHECK(spec::error(spec::port(R"("upgrades": "websocket")")) ==
        "/upgrades: is a string; expected an array of protocol names, such as [\"websocket\"]");
}

TEST_CASE("h2c would be a way around the proxy") {
  CHECK(spec::error(spec::port(R"("upgrades": ["H2C"])")) ==
        "/upgrades/0: would let requests past this proxy; expected a protocol name, such as \"websocket\"");
}

TEST_CASE("forwarded has three modes") {
  CHECK(spec::only_port(spec::port(R"("forwarded": "replace")")).http.forwarded == ForwardedMode::replace);
  CHECK(spec::only_port(spec::port(R"("forwarded": "off")")).http.forwarded == ForwardedMode::off);
  CHECK(spec::error(spec::port(R"("forwarded": "apend")")) ==
        "/forwarded: unknown mode \"apend\" (did you mean \"append\"?); expected one of \"replace\", "
        "\"append\", \"off\"");
}
