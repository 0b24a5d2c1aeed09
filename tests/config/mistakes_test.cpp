#include "config/mistakes.hpp"

#include <catch2/catch.hpp>

#include "spec.hpp"

using evenkeel::SpecError;
using evenkeel::config::Mistakes;
using evenkeel::config::Place;
using Lines = std::vector<std::string>;

TEST_CASE("an error reads as place, problem and what was expected") {
  CHECK(SpecError{"/a/b", "is 1", "2"}.text() == "/a/b: is 1; expected 2");
  CHECK(SpecError{"", "is 1", ""}.text() == ": is 1");
}

TEST_CASE("pointers are escaped as RFC 6901 says") {
  CHECK(Place{}.pointer.empty());
  CHECK(Place{}.member("80/http", 0).element(3).pointer == "/80~1http/3");
  CHECK(Place{}.member("a~b/~1", 0).member("", 1).pointer == "/a~0b~1~01/");
}

TEST_CASE("mistakes come out in document order, the container before its content") {
  const Place first = Place{}.member("x", 0);
  const Place second = Place{}.member("a", 1);
  Mistakes mistakes;
  mistakes.add(second.element(10), "5", "");
  mistakes.add(second.element(2), "4", "");
  mistakes.add(second, "3", "");
  mistakes.add(first, "1", "");
  mistakes.add(first, "2", "");
  Lines order;
  for (const SpecError& error : std::move(mistakes).take()) order.push_back(error.problem);
  CHECK(order == Lines{"1", "2", "3", "4", "5"});
}

TEST_CASE("every mistake of a spec is reported, in document order") {
  CHECK(
      spec::errors(R"({
    "workers": 0,
    "proxies": {
      "my app": { "ports": {} },
      "shop": {
        "loadbalance": "leastcon",
        "health": { "intervall": "5s", "timeout": 2 },
        "ports": {
          "443/https": { "targets": ["http://a:1"] },
          "80/http": {
            "targets": ["http://a:1", { "url": "http://a:1/", "weight": -1 }, 7],
            "redirect": "/elsewhere"
          },
          "81/http": {}
        }
      }
    },
    "drainTimeout": "soon",
    "listen": "localhost"
  })") ==
      Lines{
          "/workers: is 0; expected a whole number from 1 to 256",
          "/proxies/my app: \"my app\" is not a name for a proxy; expected 1 to 63 letters, digits, \".\", "
          "\"_\" or \"-\"",
          "/proxies/my app/ports: is empty; expected at least one of the ports",
          "/proxies/shop/loadbalance: unknown strategy \"leastcon\" (did you mean \"leastconn\"?); expected "
          "one of "
          "\"roundrobin\", \"leastconn\", \"first\", \"random\", \"p2c\", \"ewma\", \"hotcold\", \"hash\"",
          "/proxies/shop/health/intervall: unknown key (did you mean \"interval\"?); expected one of "
          "\"type\", "
          "\"interval\", \"timeout\", \"rise\", \"fall\", \"jitter\", \"maxConcurrent\", \"port\", "
          "\"method\", \"path\", "
          "\"host\", \"expect\", \"send\", \"receive\"",
          "/proxies/shop/health/timeout: is a number without a unit; expected a duration with a unit, such "
          "as \"5s\"",
          "/proxies/shop/ports/443~1https: has no certificate; expected \"tls\": {\"certificates\": "
          "[{\"certificate\": PATH, \"key\": PATH}]}, here or further out; `evenkeel cert --self-signed "
          "NAME` "
          "makes one to try things out",
          "/proxies/shop/ports/80~1http: has both \"targets\" and \"redirect\"; expected one of the two",
          "/proxies/shop/ports/80~1http/targets/1: is the same target as "
          "/proxies/shop/ports/80~1http/targets/0; expected "
          "each target once",
          "/proxies/shop/ports/80~1http/targets/1/weight: is -1; expected a whole number from 0 to 65535",
          "/proxies/shop/ports/80~1http/targets/2: is a number; expected a URL, or an object with a \"url\"",
          "/proxies/shop/ports/80~1http/redirect: \"/elsewhere\" is not an absolute http or https URL; "
          "expected an absolute "
          "URL, such as \"https://app.example.com/\"",
          "/proxies/shop/ports/81~1http: has neither \"targets\" nor \"redirect\"; expected one of the two",
          "/drainTimeout: is \"soon\"; expected a duration with a unit, such as \"5s\", \"250ms\" or "
          "\"1m30s\"",
          "/listen: is \"localhost\"; expected an IP address, such as \"127.0.0.1\" or \"::1\"",
      });
}

TEST_CASE("a mistake in what ports inherit is reported once") {
  CHECK(spec::errors(R"({"via": 1, "proxies": {"p": {"ports": {"1/http": {"targets": ["a:1"]},
                                                                "2/http": {"targets": ["a:1"]}}}}})") ==
        Lines{"/via: is a number; expected one word for the Via field, such as \"evenkeel\""});
}

TEST_CASE("what several ports find wrong with something they inherit is reported once") {
  const Place place = Place{}.member("x", 0);
  Mistakes mistakes;
  for (const char* problem : {"1", "2", "1", "2", "1"}) mistakes.add(place, problem, "");
  mistakes.add(place, "1", "another");
  mistakes.add(Place{}.member("y", 1), "1", "");
  CHECK(std::move(mistakes).take().size() == 4);
  CHECK(
      spec::errors(R"({"timeouts": {"idle": "0s"}, "proxies": {"p": {"ports": {
            "1/http": {"targets": ["a:1"]}, "2/http": {"targets": ["a:1"]}}}}})") ==
      Lines{
          "/timeouts/idle: is zero, which only a tcp port can use; expected a duration longer than zero, or "
          "another \"idle\" in an http port"});
}

TEST_CASE("a wrong type says what it is") {
  CHECK(spec::error(spec::port("\"accessLog\": \"yes\"")) ==
        "/accessLog: is a string; expected true or false");
  CHECK(spec::error(spec::port("\"accessLog\": null")) == "/accessLog: is null; expected true or false");
  CHECK(spec::error(spec::port("\"timeouts\": []")) == "/timeouts: is an array; expected an object");
  CHECK(spec::error(spec::port("\"limits\": true")) == "/limits: is true; expected an object");
  CHECK(spec::error(spec::port("\"panicThreshold\": {}")) ==
        "/panicThreshold: is an object; expected a whole number from 0 to 100");
  CHECK(spec::error(spec::port("\"panicThreshold\": 1.5")) ==
        "/panicThreshold: is 1.5; expected a whole number from 0 to 100");
  CHECK(spec::error(spec::port("\"listen\": 127")) ==
        "/listen: is a number; expected an IP address, such as \"127.0.0.1\" or \"::1\"");
}

TEST_CASE("an unknown key is an error at every level, with the nearest known one") {
  using Catch::Matchers::StartsWith;
  CHECK_THAT(
      spec::error(spec::levels("\"drainTimout\": 1", "", "")),
      StartsWith(
          "/drainTimout: unknown key (did you mean \"drainTimeout\"?); expected one of \"$schema\", "));
  CHECK_THAT(spec::error(spec::levels("", "\"port\": 1", "")),
             StartsWith("/proxies/p/port: unknown key (did you mean \"ports\"?)"));
  CHECK_THAT(spec::error(spec::port("\"loadbalancer\": 1")),
             StartsWith("/loadbalancer: unknown key (did you mean \"loadbalance\"?)"));
  CHECK_THAT(spec::error(spec::port("\"workers\": 1")),
             StartsWith("/workers: unknown key; expected one of \"targets\", "));
}

TEST_CASE("a value is shown whole when it is short, escaped and cut when it is not") {
  const std::string expected = "; expected an IP address, such as \"127.0.0.1\" or \"::1\"";
  CHECK(spec::error(spec::port(R"("listen": "a\u001b[31m\n\"")")) ==
        "/listen: is \"a\\u001b[31m\\n\\\"\"" + expected);
  CHECK(spec::error(spec::port("\"listen\": \"" + std::string(5'000, 'x') + "\"")) ==
        "/listen: is \"" + std::string(80, 'x') + "\"..." + expected);
  CHECK(spec::error(spec::port("\"listen\": \"" + std::string(79, 'x') + "\xc3\xa9\"")) ==
        "/listen: is \"" + std::string(79, 'x') + "\"..." + expected);
}
