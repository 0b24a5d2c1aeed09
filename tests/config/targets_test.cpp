#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using evenkeel::AdminState;
using evenkeel::Target;

namespace {

std::string with_targets(std::string_view value) {
  return spec::ports(R"("80/http": {"targets": )" + std::string(value) + "}");
}
std::vector<Target> targets(std::string_view value) {
  return spec::only_port(with_targets(value)).targets;
}
std::string error(std::string_view value) {
  return spec::error(with_targets(value));
}

constexpr const char* url_form =
    "expected a target such as \"http://10.0.0.1:8080\" or \"unix:/run/app.sock\"";

}  // namespace

TEST_CASE("a target is a URL, or an object with one") {
  const auto list = targets(R"(["http://a:1", "b:2", "unix:/run/c.sock", {"url": "http://d"},
    {"url": "http://e:5", "weight": 3, "tier": 2, "state": "draining"}])");
  REQUIRE(list.size() == 5);
  CHECK(list[0].id() == "http://a:1");
  CHECK(list[1].id() == "http://b:2");
  CHECK(list[2].id() == "unix:/run/c.sock");
  CHECK(list[3].id() == "http://d:80");
  CHECK(list[3].weight == 1);
  CHECK(list[4].weight == 3);
  CHECK(list[4].tier == 2);
  CHECK(list[4].admin == AdminState::draining);
}

TEST_CASE("a target can be taken out without being removed") {
  CHECK(targets(R"([{"url": "a:1", "state": "disabled"}])")[0].admin == AdminState::disabled);
  CHECK(targets(R"([{"url": "a:1", "state": "enabled"}])")[0].admin == AdminState::enabled);
  CHECK(error(R"([{"url": "a:1", "state": "drained"}])") ==
        "/targets/0/state: unknown state \"drained\" (did you mean \"draining\"?); expected one of "
        "\"enabled\", "
        "\"draining\", \"disabled\"");
}

TEST_CASE("targets are an array with at least one element") {
  CHECK(error(R"("http://a:1")") == "/targets: is a string; expected an array of targets");
  CHECK(error("[]") == "/targets: is empty; expected at least one target");
  CHECK(error("[null]") == "/targets/0: is null; expected a URL, or an object with a \"url\"");
}

TEST_CASE("a bad URL is told what is bad about it") {
  CHECK(error(R"(["http://a:1/path"])") ==
        std::string("/targets/0: \"http://a:1/path\" has a path; ") + url_form);
  CHECK(error(R"([{"url": "ftp://a:1"}])") ==
        std::string("/targets/0/url: \"ftp://a:1\" has an unknown scheme; ") + url_form);
  CHECK(error(R"([{"weight": 1}])") == std::string("/targets/0: has no \"url\"; ") + url_form);
  CHECK_THAT(error(R"([{"url": 1}])"), StartsWith("/targets/0/url: is a number; "));
  CHECK_THAT(error(R"([{"url": "a:1", "wieght": 1}])"),
             StartsWith("/targets/0/wieght: unknown key (did you mean \"weight\"?)"));
}

TEST_CASE("a list in one string is taken apart by the user") {
  CHECK(error(R"(["http://a:1,http://b:2"])") ==
        "/targets/0: holds a list in one string; expected one string a target: [\"http://a:80\", "
        "\"http://b:80\"]");
}

TEST_CASE("an http port has http targets") {
  CHECK(error(R"(["https://a"])") ==
        std::string("/targets/0: https targets are not supported by this version; ") + url_form);
  CHECK(error(R"(["tcp://a:1"])") == std::string("/targets/0: is a tcp target of an http port; ") + url_form);
  CHECK(error(R"([{"url": "udp://a:1"}])") ==
        std::string("/targets/0/url: is a udp target of an http port; ") + url_form);
}

TEST_CASE("a target stands once in a port, however it is spelled") {
  CHECK(error(R"(["http://a:80", "b:1", {"url": "HTTP://A/"}])") ==
        "/targets/2: is the same target as /proxies/p/ports/80~1http/targets/0; expected each target once");
}

TEST_CASE("two ports may share a target") {
  CHECK(spec::config(spec::ports(R"("80/http": {"targets": ["a:1"]}, "81/http": {"targets": ["a:1"]})"))
            .ports.size() == 2);
}

TEST_CASE("somebody has to do the work") {
  CHECK(error(R"([{"url": "a:1", "weight": 0}, {"url": "b:1", "weight": 0}])") ==
        "/targets: every weight is 0; expected at least one target with a weight");
  CHECK(targets(R"([{"url": "a:1", "weight": 0}, "b:1"])").size() == 2);
}

TEST_CASE("10,000 targets are the most") {
  const auto list = [](int count) {
    std::string text = "[";
    for (int i = 0; i < count; ++i)
      text += (i == 0 ? "\"" : ",\"") + std::string("a") + std::to_string(i) + ":1\"";
    return text + "]";
  };
  CHECK(targets(list(10'000)).size() == 10'000);
  CHECK(error(list(10'001)) == "/targets: holds 10001 targets; expected at most 10000");
}
