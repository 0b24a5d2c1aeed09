#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using evenkeel::AdminState;
using evenkeel::parse_target;
using evenkeel::Scheme;
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

TEST_CASE("one target by itself is read as those of a port are") {
  const auto error = [](std::string_view text, std::string_view key) {
    const auto read = parse_target(text, key);
    REQUIRE_FALSE(read);
    return read.error().front().text();
  };
  const auto target = parse_target(R"({"url": "http://a:1", "weight": 3, "tier": 2})", "80/http");
  REQUIRE(target);
  CHECK(target->id() == "http://a:1");
  CHECK(target->weight == 3);
  CHECK(target->tier == 2);
  CHECK(parse_target(R"("a:53")", "53/udp")->scheme == Scheme::udp);
  CHECK(error(R"({"url": "udp://a:1-3"})", "53/udp") ==
        "/url: is a range of ports behind a single one; expected one port");
  CHECK(error(R"("unix:/x")", "53/udp").starts_with(": is a Unix socket behind a udp port"));
  CHECK(error(R"({"url": "tcp://a:1"})", "80/http").starts_with("/url: is a tcp target of an http port"));
  CHECK(error(R"({"weight": 1})", "80/http").starts_with(": has no \"url\""));
  CHECK(error("{", "80/http").starts_with(":"));
}

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

TEST_CASE("an http port has http and https targets, and so has an https port") {
  CHECK(targets(R"(["https://a", "https://b:8443"])")[1].id() == "https://b:8443");
  const auto list =
      spec::only_port(
          spec::certified(spec::ports(R"("443/https": {"targets": ["a:1", "https://b", "unix:/run/c"]})")))
          .targets;
  REQUIRE(list.size() == 3);
  CHECK(list[0].id() == "http://a:1");
  CHECK(list[1].id() == "https://b:443");
  CHECK(list[2].scheme == evenkeel::Scheme::http);
  CHECK(error(R"(["tcp://a:1"])") == std::string("/targets/0: is a tcp target of an http port; ") + url_form);
  CHECK(error(R"([{"url": "udp://a:1"}])") ==
        std::string("/targets/0/url: is a udp target of an http port; ") + url_form);
}

TEST_CASE("a tcp port has tcp targets") {
  const auto list =
      spec::only_port(spec::ports(R"("5432/tcp": {"targets": ["tcp://a:1", "b:2", "unix:/run/c.sock"]})"))
          .targets;
  REQUIRE(list.size() == 3);
  CHECK(list[0].id() == "tcp://a:1");
  CHECK(list[1].id() == "tcp://b:2");
  CHECK(list[2].id() == "unix:/run/c.sock");
  CHECK(list[2].scheme == evenkeel::Scheme::tcp);
  const auto error = [](std::string_view target) {
    return spec::error(spec::ports(R"("5432/tcp": {"targets": [")" + std::string(target) + "\"]}"));
  };
  const std::string form = "; expected a target such as \"tcp://10.0.0.1:5432\" or \"unix:/run/db.sock\"";
  CHECK(error("http://a:1") == "/targets/0: is an http target of a tcp port" + form);
  CHECK(error("udp://a:1") == "/targets/0: is a udp target of a tcp port" + form);
  CHECK(error("https://a") == "/targets/0: is an https target of a tcp port" + form);
  CHECK(error("a") == "/targets/0: \"a\" has no port" + form);
  CHECK(error("a:1,b:1") ==
        "/targets/0: holds a list in one string; expected one string a target: [\"tcp://a:5432\", "
        "\"tcp://b:5432\"]");
}

TEST_CASE("a udp port has udp targets, and no sockets in the file system") {
  const auto list =
      spec::only_port(spec::ports(R"("53/udp": {"targets": ["udp://a:1", "[::1]:2"]})")).targets;
  REQUIRE(list.size() == 2);
  CHECK(list[0].id() == "udp://a:1");
  CHECK(list[1].id() == "udp://[::1]:2");
  const std::string form = "; expected a target such as \"udp://10.0.0.1:53\"";
  CHECK(spec::error(spec::ports(R"("53/udp": {"targets": ["unix:/run/a.sock"]})")) ==
        "/targets/0: is a Unix socket behind a udp port" + form);
  CHECK(spec::error(spec::ports(R"("53/udp": {"targets": [{"url": "tcp://a:1"}]})")) ==
        "/targets/0/url: is a tcp target of a udp port" + form);
}

TEST_CASE("behind a range stand as many ports, or one for all") {
  const auto game = [](std::string_view target) {
    return spec::ports(R"("7000-7099/udp": {"targets": [")" + std::string(target) + "\"]}");
  };
  CHECK(spec::only_port(game("udp://a:8000-8099")).targets[0].port_count == 100);
  CHECK(spec::only_port(game("a:7000-7099")).targets[0].id() == "udp://a:7000-7099");
  CHECK(spec::only_port(game("udp://a:8000")).targets[0].port_count == 1);
  CHECK(spec::error(game("udp://a:8000-8049")) ==
        "/proxies/p/ports/7000-7099~1udp/targets/0: has 50 ports for the 100 of this port; expected as many "
        "ports, "
        "or one for all");
  CHECK(spec::error(spec::ports(R"("53/udp": {"targets": ["udp://a:8000-8001"]})")) ==
        "/targets/0: is a range of ports behind a single one; expected one port");
  CHECK(spec::error(spec::ports(R"("1-2/tcp": {"targets": ["unix:/run/a.sock"]})")) ==
        "/proxies/p/ports/1-2~1tcp/targets/0: is a Unix socket behind a range of ports; expected a host and "
        "port, or "
        "ports");
  CHECK_THAT(
      error(R"(["a:80-90"])"),
      StartsWith("/targets/0: \"a:80-90\" has a range of ports, which only tcp and udp targets can have; "));
  CHECK_THAT(spec::error(game("udp://a:8099-8000")),
             Catch::Matchers::Contains("has a range of ports that does not ascend"));
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
