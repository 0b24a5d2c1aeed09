#include <catch2/catch.hpp>

#include "spec.hpp"

using namespace std::chrono_literals;
using evenkeel::CheckType;
using evenkeel::HealthOptions;
using evenkeel::StatusRange;

namespace {

HealthOptions health(std::string_view value) {
  return spec::only_port(spec::port("\"health\": " + std::string(value))).health;
}

std::string health_error(std::string_view value) {
  return spec::error(spec::port("\"health\": " + std::string(value)));
}

}  // namespace

TEST_CASE("without a word about health, targets are checked by TCP") {
  const HealthOptions options = spec::only_port(spec::port("")).health;
  CHECK(options.type == CheckType::tcp);
  CHECK(options.interval == 5s);
}

TEST_CASE("every health option reaches its place") {
  const HealthOptions options =
      health(R"({"type": "http", "interval": "1s", "timeout": "500ms", "rise": 4, "fall": 5,
    "jitter": 0, "maxConcurrent": 7, "port": 8081, "method": "HEAD", "path": "/up?deep=1", "host": "app.test:81",
    "expect": 204})");
  CHECK(options.type == CheckType::http);
  CHECK(options.interval == 1s);
  CHECK(options.timeout == 500ms);
  CHECK(options.rise == 4);
  CHECK(options.fall == 5);
  CHECK(options.jitter_percent == 0);
  CHECK(options.max_concurrent == 7);
  CHECK(options.port == 8'081);
  CHECK(options.method == "HEAD");
  CHECK(options.path == "/up?deep=1");
  CHECK(options.host == "app.test:81");
  CHECK(options.expect == std::vector{StatusRange{204, 204}});
}

TEST_CASE("asking for something that only HTTP has makes it an HTTP check") {
  CHECK(health("{}").type == CheckType::tcp);
  CHECK(health(R"({"interval": "1s"})").type == CheckType::tcp);
  CHECK(health(R"({"path": "/"})").type == CheckType::http);
  CHECK(health(R"({"host": "a"})").type == CheckType::http);
  CHECK(health(R"({"method": "GET"})").type == CheckType::http);
  CHECK(health(R"({"expect": 200})").type == CheckType::http);
  CHECK(health(R"({"type": "http"})").type == CheckType::http);
}

TEST_CASE("a TCP check has no HTTP options") {
  CHECK(health_error(R"({"path": "/", "type": "tcp"})") ==
        "/health/path: has no meaning in a check of type \"tcp\"; expected type \"http\", or no \"path\"");
}

TEST_CASE("false turns checks off") {
  CHECK(health("false").type == CheckType::none);
  CHECK(health_error("true") == "/health: is true; expected an object, or false to turn it off");
  CHECK(health_error("\"off\"") == "/health: is a string; expected an object, or false to turn it off");
}

TEST_CASE("health options merge from level to level") {
  const auto merged =
      spec::only_port(spec::levels(R"("health": {"path": "/healthz", "rise": 7})",
                                   R"("health": {"rise": 8, "fall": 9})", R"("health": {"interval": "1s"})"))
          .health;
  CHECK(merged.type == CheckType::http);
  CHECK(merged.path == "/healthz");
  CHECK(merged.rise == 8);
  CHECK(merged.fall == 9);
  CHECK(merged.interval == 1s);
}

TEST_CASE("the nearest level decides the type of check") {
  const auto type = [](std::string_view outer, std::string_view inner) {
    return spec::only_port(
               spec::levels("\"health\": " + std::string(outer), "", "\"health\": " + std::string(inner)))
        .health.type;
  };
  CHECK(type(R"({"type": "tcp"})", R"({"path": "/"})") == CheckType::http);
  CHECK(type(R"({"path": "/"})", R"({"type": "tcp"})") == CheckType::tcp);
  CHECK(type(R"({"path": "/"})", "false") == CheckType::none);
}

TEST_CASE("checks that an outer level turned off come back as they were") {
  const auto health = spec::only_port(spec::levels(R"("health": {"path": "/healthz"})", R"("health": false)",
                                                   R"("health": {"rise": 3})"))
                          .health;
  CHECK(health.type == CheckType::http);
  CHECK(health.path == "/healthz");
  CHECK(health.rise == 3);
}

TEST_CASE("expected statuses are numbers, ranges, or a list of them") {
  CHECK(health(R"({"expect": "200-299"})").expect == std::vector{StatusRange{200, 299}});
  CHECK(health(R"({"expect": "204"})").expect == std::vector{StatusRange{204, 204}});
  CHECK(health(R"({"expect": [200, "300-399", 401]})").expect ==
        std::vector{StatusRange{200, 200}, StatusRange{300, 399}, StatusRange{401, 401}});

  for (const char* wrong :
       {"\"299-200\"", "\"99-200\"", "\"200-600\"", "\"200-\"", "\"-200\"", "\"2xx\"", "\"\"",
        "\"200-250-299\"", "\"+200\"", "[]", "99", "600", "2.5", "true", "[[200]]", "{}"}) {
    CAPTURE(wrong);
    CHECK(health_error(R"({"expect": )" + std::string(wrong) + "}") != "no mistake");
  }
  CHECK(health_error(R"({"expect": [200, "2xx"]})") ==
        "/health/expect/1: is \"2xx\"; expected a status from 100 to 599, a range such as \"200-299\", or an "
        "array of "
        "them");
}

TEST_CASE("a check's path goes into a request line as it is") {
  for (const char* wrong : {"", "healthz", "/a b", "/a#b", "/a\\r\\nX: y", "/caf\xc3\xa9", "http://a/"}) {
    CAPTURE(wrong);
    CHECK_THAT(health_error(R"({"path": ")" + std::string(wrong) + "\"}"),
               Catch::Matchers::EndsWith(
                   "expected a path that starts with \"/\", without spaces, such as \"/healthz\""));
  }
}

TEST_CASE("a check's method is harmless") {
  CHECK(health_error(R"({"method": "POST"})") ==
        "/health/method: unknown method \"POST\"; expected one of \"GET\", \"HEAD\", \"OPTIONS\"");
}

TEST_CASE("outlier ejection is on, can be tuned, and can be turned off") {
  const auto defaults = spec::only_port(spec::port("")).outlier;
  CHECK(defaults.consecutive_failures == 5);

  const auto tuned = spec::only_port(spec::port(R"("outlier": {"consecutiveFailures": 2, "baseEjection": "1s",
                                                    "maxEjection": "2s", "maxEjectedPercent": 10})"))
                         .outlier;
  CHECK(tuned.consecutive_failures == 2);
  CHECK(tuned.base_ejection == 1s);
  CHECK(tuned.max_ejection == 2s);
  CHECK(tuned.max_ejected_percent == 10);

  CHECK(spec::only_port(spec::port("\"outlier\": false")).outlier.consecutive_failures == 0);
  CHECK(spec::only_port(spec::levels(R"("outlier": {"consecutiveFailures": 3})", "\"outlier\": false",
                                     R"("outlier": {"baseEjection": "1s"})"))
            .outlier.consecutive_failures == 3);
}

TEST_CASE("the first ejection is not longer than the longest") {
  CHECK(spec::error(spec::port(R"("outlier": {"baseEjection": "10m"})")) ==
        "/outlier: the first ejection (baseEjection) is longer than the longest (maxEjection); expected a "
        "maxEjection "
        "of at least baseEjection");
}
