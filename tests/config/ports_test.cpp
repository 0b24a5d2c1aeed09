#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using evenkeel::PortSpec;
using evenkeel::Protocol;

namespace {

std::string key_error(std::string_view key) {
  const std::string text = spec::error(spec::ports("\"" + std::string(key) + R"(": {"targets": ["a:1"]})"));
  return text.substr(0, text.find("; expected"));
}

std::string redirect(std::string_view url, std::string_view more = "") {
  return spec::ports(R"("80/http": {"redirect": ")" + std::string(url) + "\"" + std::string(more) + "}");
}

// Two ports on two addresses, one after the other.
std::string collision(std::string_view one, std::string_view other, std::string_view port = "80") {
  return spec::error(spec::ports(R"("80/http": {"targets": ["a:1"], "listen": ")" + std::string(one) +
                                 "\"}, \"" + std::string(port) +
                                 R"(/http": {"targets": ["a:1"], "listen": ")" + std::string(other) + "\"}"));
}

}  // namespace

TEST_CASE("ports come in the order of the spec, named by proxy and key") {
  const auto config = spec::config(R"({"proxies": {
    "web": {"ports": {"8080/http": {"targets": ["a:1"]}, "80/http": {"targets": ["a:1"]}}},
    "api": {"ports": {"81/http": {"targets": ["a:1"]}}}}})");
  REQUIRE(config.ports.size() == 3);
  CHECK(config.ports[0].proxy == "web");
  CHECK(config.ports[0].key == "8080/http");
  CHECK(config.ports[0].port == 8'080);
  CHECK(config.ports[0].protocol == evenkeel::Protocol::http);
  CHECK(config.ports[0].http.name == "web 8080/http");
  CHECK(config.ports[1].http.name == "web 80/http");
  CHECK(config.ports[2].http.name == "api 81/http");
}

TEST_CASE("a spec has proxies, and a proxy has ports") {
  CHECK(spec::error("{}") == ": has no \"proxies\"; expected \"proxies\": {\"NAME\": {\"ports\": {...}}}");
  CHECK(spec::error(R"({"proxies": {}})") == "/proxies: is empty; expected at least one of the proxies");
  CHECK(spec::error(R"({"proxies": []})") == "/proxies: is an array; expected an object of proxies");
  CHECK(spec::error(R"({"proxies": {"p": {}}})") ==
        "/proxies/p: has no \"ports\"; expected \"ports\": {\"80/http\": {...}}");
  CHECK(spec::error(R"({"proxies": {"p": 1}})") ==
        "/proxies/p: is a number; expected an object with \"ports\"");
  CHECK(spec::error(spec::ports("")) == "/proxies/p/ports: is empty; expected at least one of the ports");
  CHECK(spec::error(spec::ports(R"("80/http": "http://a:1")")) ==
        ": is a string; expected an object with \"targets\" or \"redirect\"");
}

TEST_CASE("a proxy's name fits into logs and labels") {
  const auto with_name = [](std::string_view name) {
    return spec::errors(R"({"proxies": {")" + std::string(name) +
                        R"(": {"ports": {"80/http": {"targets": ["a:1"]}}}}})");
  };
  CHECK(with_name("My_app-1.2").empty());
  CHECK(with_name(std::string(63, 'a')).empty());
  for (const char* wrong : {"", "my app", "a/b", "caf\xc3\xa9", "a\\n"}) {
    CAPTURE(wrong);
    CHECK(with_name(wrong).size() == 1);
  }
  CHECK(with_name(std::string(64, 'a')).size() == 1);
}

TEST_CASE("a port's key is its number and its protocol") {
  CHECK(spec::only_port(spec::ports(R"("65535/http": {"targets": ["a:1"]})")).port == 65'535);
  CHECK(key_error("0/http") == "/proxies/p/ports/0~1http: \"0\" is not a port");
  CHECK(key_error("65536/http") == "/proxies/p/ports/65536~1http: \"65536\" is not a port");
  CHECK(key_error("080/http") == "/proxies/p/ports/080~1http: \"080\" is not a port");
  CHECK(key_error("/http") == "/proxies/p/ports/~1http: \"\" is not a port");
  CHECK(key_error("-1/http") == "/proxies/p/ports/-1~1http: \"-1\" is not a port");
  CHECK(key_error("http/80") != "no mistake");
  CHECK(key_error("http") == "/proxies/p/ports/http: \"http\" is not a port");
  CHECK(key_error("") == "/proxies/p/ports/: \"\" is not a port");
}

TEST_CASE("the protocol has to be written, since others would guess https") {
  CHECK(spec::error(spec::ports(R"("8443": {"targets": ["a:1"]})")) ==
        "/proxies/p/ports/8443: the port has no protocol; expected it written out, such as \"8443/http\"");
}

TEST_CASE("an unknown protocol is told the nearest one") {
  CHECK(spec::error(spec::ports(R"("80/htpp": {"targets": ["a:1"]})")) ==
        "/proxies/p/ports/80~1htpp: unknown protocol \"htpp\" (did you mean \"http\"?); expected one of "
        "\"http\", \"https\", \"tcp\", \"udp\"");
  CHECK(key_error("80/HTTP") ==
        "/proxies/p/ports/80~1HTTP: unknown protocol \"HTTP\" (did you mean \"http\"?)");
}

TEST_CASE("a port is http, https, tcp or udp") {
  CHECK(spec::only_port(spec::port("")).protocol == Protocol::http);
  const PortSpec https = spec::only_port(spec::https(""));
  CHECK(https.protocol == Protocol::https);
  CHECK(https.port == 443);
  CHECK(https.http.name == "p 443/https");
  const PortSpec tcp = spec::only_port(spec::tcp(""));
  CHECK(tcp.protocol == Protocol::tcp);
  CHECK(tcp.port == 5'432);
  CHECK(tcp.port_count == 1);
  CHECK(tcp.tcp.name == "p 5432/tcp");
  CHECK(tcp.health.name == "p 5432/tcp");
  const PortSpec udp = spec::only_port(spec::udp(""));
  CHECK(udp.protocol == Protocol::udp);
  CHECK(udp.udp.name == "p 53/udp");
  CHECK(to_string(Protocol::http) == "http");
  CHECK(to_string(Protocol::https) == "https");
  CHECK(to_string(Protocol::tcp) == "tcp");
  CHECK(to_string(Protocol::udp) == "udp");
}

TEST_CASE("tcp and udp ports can be a range") {
  const PortSpec game = spec::only_port(spec::port_at("7000-7099/udp", ""));
  CHECK(game.key == "7000-7099/udp");
  CHECK(game.port == 7'000);
  CHECK(game.port_count == 100);
  CHECK(game.udp.name == "p 7000-7099/udp");
  CHECK(spec::only_port(spec::port_at("1-1000/tcp", "")).port_count == 1'000);
  CHECK(spec::only_port(spec::port_at("65534-65535/tcp", "")).port_count == 2);
}

TEST_CASE("a range ascends, has a thousand ports at most, and no other spelling") {
  CHECK(
      spec::error(spec::port_at("80-90/http", "")) ==
      "/proxies/p/ports/80-90~1http: an http port cannot be a range; expected one port, such as \"80/http\"");
  CHECK(spec::error(spec::port_at("7001-7000/udp", "")) ==
        "/proxies/p/ports/7001-7000~1udp: the range \"7001-7000\" does not ascend; expected the first port "
        "before "
        "the last, such as \"7000-7099\"");
  CHECK(key_error("7000-7000/tcp") ==
        "/proxies/p/ports/7000-7000~1tcp: the range \"7000-7000\" does not ascend");
  CHECK(spec::error(spec::port_at("1-1001/tcp", "")) ==
        "/proxies/p/ports/1-1001~1tcp: the range \"1-1001\" has 1001 ports; expected at most 1000");
  CHECK(key_error("1-65535/udp") == "/proxies/p/ports/1-65535~1udp: the range \"1-65535\" has 65535 ports");
  for (const char* number : {"7000-", "-7000", "-", "7000-7001-7002", "0-9", "07000-7001", "7000-07001",
                             "7000-65536", "7000--7001", "7000 - 7001", "a-b"}) {
    CAPTURE(number);
    CHECK(key_error(std::string(number) + "/udp") ==
          "/proxies/p/ports/" + std::string(number) + "~1udp: \"" + std::string(number) + "\" is not a port");
  }
  CHECK(spec::error(spec::certified(spec::port_at("443-445/https", ""))) ==
        "/proxies/p/ports/443-445~1https: an https port cannot be a range; expected one port, such as "
        "\"443/https\"");
  CHECK(spec::error(spec::port_at("7000-7099", "")) ==
        "/proxies/p/ports/7000-7099: the port has no protocol; expected it written out, such as "
        "\"7000-7099/tcp\"");
}

TEST_CASE("a port whose key is wrong is read all the same") {
  CHECK(
      spec::errors(spec::ports(R"("80": {"targets": ["tcp://a:1"], "vai": 1}, "443/htpps": {"targets": []})"))
          .size() == 4);
}

TEST_CASE("a port either balances or redirects") {
  CHECK(spec::error(spec::ports(R"("80/http": {})")) ==
        ": has neither \"targets\" nor \"redirect\"; expected one of the two");
  CHECK(spec::error(spec::ports(R"("80/http": {"targets": ["a:1"], "redirect": "https://a/"})")) ==
        ": has both \"targets\" and \"redirect\"; expected one of the two");
}

TEST_CASE("a redirect port has a URL and no targets") {
  const auto port = spec::only_port(redirect("https://app.example.com/"));
  CHECK(port.http.redirect == "https://app.example.com/");
  CHECK(port.targets.empty());
  CHECK(spec::only_port(redirect("HTTP://[::1]:81/x?y#z")).http.redirect == "HTTP://[::1]:81/x?y#z");
}

TEST_CASE("a redirect goes into a Location field as it is") {
  for (const char* wrong :
       {"", "/path", "app.example.com", "ftp://a/", "https://", "https:///x", "https://a b/",
        "https://a/\\r\\nSet-Cookie: x", "https://a/\\u0000", "https://a/caf\xc3\xa9", "https://u:p@a/",
        "https://a:99999/", "javascript:alert(1)"}) {
    CAPTURE(wrong);
    CHECK(spec::error(redirect(wrong)) != "no mistake");
  }
  CHECK(spec::error(redirect("https://a/ b")) ==
        "/redirect: \"https://a/ b\" has a space, a control character or a letter outside ASCII; expected an "
        "absolute "
        "URL, such as \"https://app.example.com/\"");
}

TEST_CASE("a redirect port refuses what is about targets, but may inherit it") {
  CHECK(spec::error(redirect("https://a/", R"(, "loadbalance": "first")")) ==
        "/loadbalance: has no meaning beside \"redirect\"; expected no \"loadbalance\", since a redirect has "
        "no targets");
  CHECK_THAT(spec::error(redirect("https://a/", R"(, "health": false)")),
             StartsWith("/health: has no meaning"));
  CHECK(spec::config(
            redirect("https://a/", R"(, "listen": "::1", "accessLog": true, "timeouts": {"head": "1s"})"))
            .ports.size() == 1);
  CHECK(spec::config(R"({"health": {"path": "/"}, "loadbalance": "first",
                         "proxies": {"p": {"ports": {"80/http": {"redirect": "https://a/"}}}}})")
            .ports.size() == 1);
}

TEST_CASE("an http or https port redirects, no other") {
  CHECK(spec::only_port(spec::certified(spec::ports(R"("443/https": {"redirect": "https://a/"})")))
            .http.redirect == "https://a/");
  CHECK(
      spec::error(spec::tcp(R"("redirect": "https://a/")")) ==
      "/redirect: has no meaning in a tcp port; expected no \"redirect\", which is for http and https ports");
  CHECK(
      spec::error(spec::udp(R"("redirect": "https://a/")")) ==
      "/redirect: has no meaning in a udp port; expected no \"redirect\", which is for http and https ports");
  CHECK(spec::error(spec::ports(R"("53/udp": {})")) == ": has no \"targets\"; expected at least one target");
  CHECK(spec::errors(spec::ports(R"("53/udp": {"redirect": "https://a/"})")).size() == 2);
}

TEST_CASE("two ports cannot listen in one place") {
  CHECK(spec::error(R"({"proxies": {"a": {"ports": {"80/http": {"targets": ["a:1"]}}},
                                    "b": {"ports": {"80/http": {"targets": ["a:1"]}}}}})") ==
        "/proxies/b/ports/80~1http: listens where /proxies/a/ports/80~1http does (127.0.0.1 port 80); "
        "expected another "
        "port, or another \"listen\" address");
}

TEST_CASE("different addresses, ports or transports do not collide") {
  const auto together = [](std::string_view one, std::string_view other) {
    return spec::errors(R"({"proxies": {"a": {"listen": ")" + std::string(one) +
                        R"(", "ports": {"80/http": {"targets": ["a:1"]}}}, "b": {"listen": ")" +
                        std::string(other) + R"(", "ports": {"80/http": {"targets": ["a:1"]}}}}})")
        .empty();
  };
  CHECK(together("127.0.0.1", "127.0.0.2"));
  CHECK(together("127.0.0.1", "::1"));
  CHECK(together("0.0.0.0", "::"));
  CHECK(together("0.0.0.0", "::1"));

  CHECK_FALSE(together("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(together("::1", "0:0::1"));
  CHECK_FALSE(together("0.0.0.0", "127.0.0.1"));
  CHECK_FALSE(together("127.0.0.1", "0.0.0.0"));
  CHECK_FALSE(together("::", "::1"));

  CHECK(collision("127.0.0.1", "127.0.0.1", "81") == "no mistake");
}

TEST_CASE("udp ports have the numbers for themselves") {
  const auto together = [](std::string_view one, std::string_view other) {
    return spec::errors(spec::ports("\"" + std::string(one) + R"(": {"targets": ["a:1"]}, ")" +
                                    std::string(other) + R"(": {"targets": ["a:1"]})"))
        .empty();
  };
  CHECK(together("53/tcp", "53/udp"));
  CHECK(together("7000-7099/tcp", "7000-7099/udp"));
  CHECK_FALSE(together("80/http", "80/tcp"));
  CHECK_FALSE(together("443/https", "443/tcp"));
  CHECK_FALSE(together("443/https", "443/http"));
}

TEST_CASE("ranges collide where they overlap") {
  const auto collision = [](std::string_view one, std::string_view other) {
    return spec::error(spec::ports("\"" + std::string(one) + R"(": {"targets": ["a:1"]}, ")" +
                                   std::string(other) + R"(": {"targets": ["a:1"]})"));
  };
  CHECK(
      collision("7000-7099/udp", "7050/udp") ==
      "/proxies/p/ports/7050~1udp: listens where /proxies/p/ports/7000-7099~1udp does (127.0.0.1 port 7050); "
      "expected another port, or another \"listen\" address");
  CHECK_THAT(
      collision("7050/tcp", "7000-7099/tcp"),
      StartsWith("/proxies/p/ports/7000-7099~1tcp: listens where /proxies/p/ports/7050~1tcp does (127.0.0.1 "
                 "port 7050)"));
  CHECK_THAT(collision("7000-7050/tcp", "7050-7099/tcp"), Contains("(127.0.0.1 port 7050)"));
  CHECK_THAT(collision("7050-7099/tcp", "7000-7050/tcp"), Contains("(127.0.0.1 port 7050)"));
  CHECK_THAT(collision("80-1079/tcp", "1079/http"), Contains("(127.0.0.1 port 1079)"));
  CHECK(collision("80-1079/tcp", "1080/http") == "no mistake");
  CHECK(collision("7000-7049/udp", "7050-7099/udp") == "no mistake");
  CHECK(collision("7050-7099/udp", "7000-7049/udp") == "no mistake");
  CHECK(spec::errors(R"({"proxies": {"a": {"listen": "127.0.0.1", "ports": {"1-9/tcp": {"targets": ["a:1"]}}},
                                     "b": {"listen": "127.0.0.2", "ports": {"5/tcp": {"targets": ["a:1"]}}},
                                     "c": {"listen": "0.0.0.0", "ports": {"9/tcp": {"targets": ["a:1"]}}}}})")
            .size() == 1);
}

TEST_CASE("many ports take time in proportion") {
  std::string members;
  for (int i = 1; i <= 20'000; ++i) {
    members += (i == 1 ? "\"" : ", \"") + std::to_string(i) + R"(/udp": {"targets": ["a:1"]})";
  }
  CHECK(spec::config(spec::ports(members)).ports.size() == 20'000);
}
