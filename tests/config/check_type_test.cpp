// Which check a port gets, and what it sends.
#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::StartsWith;
using evenkeel::CheckType;
using evenkeel::HealthOptions;

namespace {

std::string with_health(std::string_view key, std::string_view value) {
  return spec::port_at(key, "\"health\": " + std::string(value));
}
HealthOptions tcp(std::string_view value) {
  return spec::only_port(with_health("5432/tcp", value)).health;
}
HealthOptions udp(std::string_view value) {
  return spec::only_port(with_health("53/udp", value)).health;
}
std::string tcp_error(std::string_view value) {
  return spec::error(with_health("5432/tcp", value));
}
std::string udp_error(std::string_view value) {
  return spec::error(with_health("53/udp", value));
}

// The check of a port `key` whose document says `outer` of health, and itself `inner` when not "".
HealthOptions inherited(std::string_view outer, std::string_view key, std::string_view inner = "") {
  std::string text = R"({"health": )" + std::string(outer) + R"(, "proxies": {"p": {"ports": {")" +
                     std::string(key) + R"(": {"targets": ["a:1"])";
  if (!inner.empty()) text += R"(, "health": )" + std::string(inner);
  return spec::only_port(text + "}}}}}").health;
}

}  // namespace

TEST_CASE("a port is checked by its own protocol when nobody says how") {
  CHECK(tcp("{}").type == CheckType::tcp);
  CHECK(udp("{}").type == CheckType::udp);
  CHECK(udp("false").type == CheckType::none);
  CHECK(spec::only_port(spec::udp("")).health.type == CheckType::udp);
  CHECK(spec::only_port(spec::tcp("")).health.type == CheckType::tcp);
}

TEST_CASE("a tcp port may ask for HTTP") {
  CHECK(tcp(R"({"type": "http"})").type == CheckType::http);
  CHECK(tcp(R"({"path": "/healthz"})").type == CheckType::http);
  CHECK(tcp(R"({"path": "/healthz"})").path == "/healthz");
  CHECK(tcp_error(R"({"type": "udp"})") ==
        "/health/type: asks for a udp check of a tcp port; expected a tcp or an http check");
  CHECK(spec::error(spec::port(R"("health": {"type": "udp"})")) ==
        "/health/type: asks for a udp check of an http port; expected a tcp or an http check");
}

TEST_CASE("a udp port is checked over another protocol only on another port") {
  CHECK(udp(R"({"type": "udp", "port": 54})").type == CheckType::udp);
  CHECK(udp(R"({"type": "tcp", "port": 54})").type == CheckType::tcp);
  CHECK(udp(R"({"path": "/healthz", "port": 8080})").type == CheckType::http);
  CHECK(udp_error(R"({"type": "tcp"})") ==
        "/health/type: asks for a tcp check of a udp port; expected a udp check, or a \"port\" where the "
        "target "
        "answers this one");
  CHECK_THAT(udp_error(R"({"path": "/healthz"})"),
             StartsWith("/health/path: asks for an http check of a udp port; "));
}

TEST_CASE("an inherited check that does not suit the port becomes the port's own") {
  CHECK(inherited(R"({"path": "/healthz"})", "80/http").type == CheckType::http);
  CHECK(inherited(R"({"path": "/healthz"})", "5432/tcp").type == CheckType::tcp);
  CHECK(inherited(R"({"path": "/healthz"})", "53/udp").type == CheckType::udp);
  CHECK(inherited(R"({"type": "tcp"})", "53/udp").type == CheckType::udp);
  CHECK(inherited(R"({"type": "udp"})", "80/http").type == CheckType::tcp);
  CHECK(inherited(R"({"path": "/healthz"})", "5432/tcp", R"({"rise": 7})").type == CheckType::tcp);
}

TEST_CASE("of a check that does not suit, only how often and how patiently is inherited") {
  const HealthOptions health = inherited(
      R"({"type": "tcp", "send": "PING", "receive": "PONG", "port": 9000, "rise": 7, "interval": "1s"})",
      "53/udp");
  CHECK(health.type == CheckType::udp);
  CHECK(health.rise == 7);
  CHECK(health.interval == std::chrono::seconds(1));
  CHECK_FALSE(health.port);
  CHECK(health.send.empty());
  CHECK(health.receive.empty());

  const HealthOptions own =
      inherited(R"({"path": "/", "port": 9000})", "53/udp", R"({"port": 54, "send": "x"})");
  CHECK(own.type == CheckType::udp);
  CHECK(own.port == 54);
  CHECK(own.send == "x");
}

TEST_CASE("a port that asks for the check by name gets it as the levels above described it") {
  const HealthOptions health =
      inherited(R"({"path": "/healthz", "port": 8080})", "53/udp", R"({"type": "http"})");
  CHECK(health.type == CheckType::http);
  CHECK(health.path == "/healthz");
  CHECK(health.port == 8'080);
}

TEST_CASE("a check can send bytes and wait for others") {
  const HealthOptions redis = tcp(R"({"send": "PING\r\n", "receive": "+PONG"})");
  CHECK(redis.type == CheckType::tcp);
  CHECK(redis.send == "PING\r\n");
  CHECK(redis.receive == "+PONG");
  const HealthOptions dns = udp(R"({"send": {"hex": "00fFA1"}, "receive": {"hex": "00"}})");
  CHECK(dns.send == std::string("\x00\xff\xa1", 3));
  CHECK(dns.receive == std::string(1, '\0'));
  CHECK(tcp(R"({"receive": "220 "})").send.empty());
  CHECK(spec::only_port(spec::port(R"("health": {"send": "x"})")).health.type == CheckType::tcp);
}

TEST_CASE("bytes have a limit, and a form") {
  CHECK(tcp(R"({"send": ")" + std::string(4'096, 'x') + "\"}").send.size() == 4'096);
  CHECK(tcp_error(R"({"send": ")" + std::string(4'097, 'x') + "\"}") ==
        "/health/send: has 4097 bytes; expected at most 4096");
  std::string hex;
  for (int i = 0; i < 4'097; ++i) hex += "00";
  CHECK(tcp_error(R"({"receive": {"hex": ")" + hex + "\"}}") ==
        "/health/receive: has 4097 bytes; expected at most 4096");
  CHECK(tcp_error(R"({"receive": ""})") == "/health/receive: is empty; expected what the answer must hold");
  CHECK(tcp_error(R"({"receive": {"hex": ""}})") ==
        "/health/receive: is empty; expected what the answer must hold");
  CHECK(tcp_error(R"({"send": 1})") ==
        "/health/send: is a number; expected a string, or {\"hex\": \"00ff\"}");
  CHECK(tcp_error(R"({"send": {}})") ==
        "/health/send: has no \"hex\"; expected a string, or {\"hex\": \"00ff\"}");
  for (const char* wrong : {"0", "0g", "0x00", "00 ff", "+1"}) {
    CAPTURE(wrong);
    CHECK(tcp_error(R"({"send": {"hex": ")" + std::string(wrong) + "\"}}") ==
          "/health/send/hex: is \"" + std::string(wrong) +
              "\"; expected two digits from 0 to f for each byte, such as \"00ff\"");
  }
  CHECK(tcp_error(R"({"send": {"hex": "00", "base64": ""}})") ==
        "/health/send/base64: unknown key; expected \"hex\"");
}

TEST_CASE("an HTTP check sends no bytes of the spec, and the others have no path") {
  CHECK(tcp_error(R"({"type": "http", "send": "x"})") ==
        "/health/send: has no meaning in a check of type \"http\"; expected type \"tcp\" or \"udp\", or no "
        "\"send\"");
  CHECK(
      spec::error(spec::port(R"("health": {"path": "/", "receive": "x"})")) ==
      "/health/receive: has no meaning in a check of type \"http\"; expected type \"tcp\" or \"udp\", or no "
      "\"receive\"");
  CHECK(udp_error(R"({"type": "udp", "path": "/"})") ==
        "/health/path: has no meaning in a check of type \"udp\"; expected type \"http\", or no \"path\"");
}

TEST_CASE("bytes and HTTP undo each other from level to level") {
  CHECK(inherited(R"({"path": "/"})", "80/http", R"({"send": "x"})").type == CheckType::tcp);
  CHECK(inherited(R"({"type": "http"})", "80/http", R"({"receive": "x"})").type == CheckType::tcp);
  const HealthOptions http = inherited(R"({"type": "tcp", "send": "x"})", "80/http", R"({"path": "/"})");
  CHECK(http.type == CheckType::http);
  CHECK(http.send.empty());
  CHECK(inherited(R"({"send": "x"})", "80/http", R"({"path": "/"})").send.empty());
  CHECK(inherited(R"({"send": "x"})", "53/udp", R"({"send": ""})").send.empty());
  CHECK(inherited(R"({"send": "x"})", "53/udp", R"({"receive": "y"})").send == "x");
}
