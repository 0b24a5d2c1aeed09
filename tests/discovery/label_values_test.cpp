// The texts of labels, by the type that each key has.
#include <catch2/catch.hpp>

#include "config/health_reader.hpp"
#include "discovery/labelled.hpp"

using namespace evenkeel;
using namespace evenkeel::discovery;
using test::container;
using test::Json;
using test::judge;
using test::Labels;
using test::problem;
using test::proxies;
using test::with;

TEST_CASE("what a label says is of the type that its key has, whatever it looks like") {
  const auto health = [](std::string key, std::string value) {
    return proxies(
        {container("c", with({{"evenkeel.health." + key, std::move(value)}}))})["web"]["health"][key];
  };
  for (const char* const key : {"send", "receive", "host", "path", "interval"}) {
    for (const char* const value : {"220", "true"}) {
      CAPTURE(key, value);
      CHECK(health(key, value) == value);
    }
  }
  CHECK(health("rise", "2") == 2);
  CHECK(health("rise", "two") == "two");
  CHECK(health("expect", "204") == Json::parse(R"(["204"])"));
  CHECK(health("expect", "200, 204, 300-399") == Json::parse(R"(["200", "204", "300-399"])"));
}

TEST_CASE("every number that health has can be said by a label") {
  for (const auto& field : config::health_fields()) {
    const std::string key(field.key);
    const DockerFindings found = read_labels({container("c", with({{"evenkeel.health." + key, "1"}}))}, {});
    REQUIRE(found.ports.size() == 1);
    for (const SpecError& error : judge(found.ports[0])) {
      CAPTURE(key, error.problem);
      CHECK_FALSE(error.expected.contains("whole number"));
    }
  }
}

TEST_CASE("a check of bytes and of statuses by labels") {
  const auto judged = [](Labels more) {
    const DockerFindings found = read_labels({container("c", with(std::move(more)))}, {});
    REQUIRE(found.ports.size() == 1);
    return judge(found.ports[0]).size();
  };
  CHECK(judged({{"evenkeel.health.type", "tcp"},
                {"evenkeel.health.send", "123"},
                {"evenkeel.health.receive", "220"}}) == 0);
  CHECK(judged({{"evenkeel.health.host", "10.example"}, {"evenkeel.health.expect", "200, 204, 300-399"}}) ==
        0);
  CHECK(judged({{"evenkeel.health.expect", "200, 99"}}) == 1);
}

TEST_CASE("flags are what TSDProxy takes for one") {
  for (const char* const yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    CAPTURE(yes);
    CHECK_FALSE(proxies({container("c", with({{"evenkeel.enable", yes}}))}).empty());
  }
  for (const char* const no : {"0", "f", "F", "FALSE", "false", "False"}) {
    CAPTURE(no);
    CHECK(problem({container("c", with({{"evenkeel.enable", no}}))}) == "0 problems");
    CHECK(proxies({container("c", with({{"evenkeel.enable", no}}))}).empty());
    CHECK(proxies({container("c", with({{"evenkeel.health", no}}))})["web"]["health"] == false);
    CHECK(proxies({container("c", with({{"tsdproxy.containeraccesslog", no}}))})["web"]["accessLog"] ==
          false);
  }
  for (const char* const neither : {"yes", "on", "tRUE", ""}) {
    CAPTURE(neither);
    CHECK(problem({container("c", with({{"evenkeel.enable", neither}}))}) ==
          "c evenkeel.enable: is \"" + std::string(neither) + '"');
  }
}

TEST_CASE("checks are on unless a label turns them off") {
  const auto health = [](Labels more) {
    return proxies({container("c", with(std::move(more)))})["web"]["health"];
  };
  CHECK(health({{"evenkeel.health", "true"}}) == Json::object());
  CHECK(health({{"evenkeel.health", "true"}, {"evenkeel.health.path", "/up"}}) ==
        Json::parse(R"({"path": "/up"})"));
  CHECK(health({{"evenkeel.health", "false"}, {"evenkeel.health.path", "/up"}}) == false);
  CHECK(problem({container("c", with({{"evenkeel.health", "/up"}}))}) == "c evenkeel.health: is \"/up\"");
  CHECK(judge(read_labels({container("c", with({{"evenkeel.health", "true"}}))}, {}).ports.at(0)).empty());
}

TEST_CASE("an interval of TSDProxy's with a unit is told as it was written, or understood") {
  const auto interval = [](std::string text) {
    return proxies({container(
        "c", with({{"tsdproxy.health_check_interval", std::move(text)}}))})["web"]["health"]["interval"];
  };
  CHECK(interval("7") == "7s");
  CHECK(interval("7s") == "7s");
  CHECK(interval("often") == "often");
}

TEST_CASE("a container's name becomes a hostname where the spec asks for a node") {
  const auto fitted = [](std::string container_name, TailnetMode mode) {
    const DockerFindings found =
        read_labels({container(std::move(container_name),
                               {{"evenkeel.enable", "true"}, {"evenkeel.port.1", "80/http:3000/http"}})},
                    {});
    std::vector<DockerProblem> problems;
    const auto port = found.ports.at(0).fitted({.mode = mode}, problems);
    REQUIRE(port);
    const Json proxy = *Json::parse(port->fragment.text)["proxies"].begin();
    return proxy.contains("tailnet") ? proxy["tailnet"]["hostname"].get<std::string>() : port->proxy;
  };
  CHECK(fitted("proj_web_1", TailnetMode::node) == "proj-web-1");
  CHECK(fitted("Web.Main-", TailnetMode::node) == "web-main");
  CHECK(fitted("_" + std::string(62, 'a') + ".b", TailnetMode::node) == std::string(62, 'a'));
  CHECK(fitted("proj_web_1", TailnetMode::off) == "proj_web_1");
}
