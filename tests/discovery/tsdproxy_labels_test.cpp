// Labels as TSDProxy documents them, and where its nodes are not wanted.
#include <set>

#include <catch2/catch.hpp>

#include "discovery/labelled.hpp"

using namespace evenkeel;
using namespace evenkeel::discovery;
using test::container;
using test::Json;
using test::judge;
using test::Labels;
using test::proxies;
using test::with;

TEST_CASE("TSDProxy's reference of labels") {
  CHECK(proxies(
            {container("nextcloud", {{"tsdproxy.enable", "true"},
                                     {"tsdproxy.name", "cloud"},
                                     {"tsdproxy.ephemeral", "true"},
                                     {"tsdproxy.containeraccesslog", "false"},
                                     {"tsdproxy.tags", "tag:personal,tag:storage"},
                                     {"tsdproxy.dash.label", "Cloud"},
                                     {"tsdproxy.dash.icon", "si/nextcloud"},
                                     {"tsdproxy.autodetect", "false"},
                                     {"tsdproxy.port.1", "443/https:80/http, tailscale_funnel"},
                                     {"tsdproxy.port.2", "80/http->https://cloud.tailnet-name.ts.net"}})}) ==
        Json::parse(R"({"cloud": {
          "accessLog": false,
          "tailnet": {"ephemeral": true, "tags": ["tag:personal", "tag:storage"]},
          "ports": {"443/https": {"tailnet": {"funnel": true}, "targets": [{"url": "http://172.17.0.2:80"}]},
                    "80/http": {"redirect": "https://cloud.tailnet-name.ts.net"}}}})"));
}

TEST_CASE("TSDProxy's examples of tcp and udp") {
  CHECK(
      proxies({container("sshd", {{"tsdproxy.enable", "true"},
                                  {"tsdproxy.name", "ssh-server"},
                                  {"tsdproxy.port.1", "22/tcp:22/tcp"}})}) ==
      Json::parse(R"({"ssh-server": {"ports": {"22/tcp": {"targets": [{"url": "tcp://172.17.0.2:22"}]}}}})"));
  CHECK(
      proxies({container("u", {{"tsdproxy.enable", "true"},
                               {"tsdproxy.name", "udprange"},
                               {"tsdproxy.port.2", "56000-56002/udp:56000-56002/udp"}})}) ==
      Json::parse(
          R"({"udprange": {"ports": {"56000-56002/udp": {"targets": [{"url": "udp://172.17.0.2:56000-56002"}]}}}})"));
}

TEST_CASE("what its health checks and rate limits are called here") {
  CHECK(proxies({container("c", {{"tsdproxy.enable", "true"},
                                 {"tsdproxy.port.1", "443/https:80/http"},
                                 {"tsdproxy.health_check_interval", "10"},
                                 {"tsdproxy.health_check_failures", "4"},
                                 {"tsdproxy.ratelimit.enabled", "true"},
                                 {"tsdproxy.ratelimit.rps", "50"},
                                 {"tsdproxy.ratelimit.burst", "100"}})})["c"] == Json::parse(R"({
          "health": {"interval": "10s", "fall": 4}, "perClient": {"requestsPerSecond": 50, "burst": 100},
          "ports": {"443/https": {"targets": [{"url": "http://172.17.0.2:80"}]}}})"));
  CHECK(proxies({container("c", {{"tsdproxy.enable", "true"},
                                 {"tsdproxy.port.1", "443/https:80/http"},
                                 {"tsdproxy.health_check_enabled", "false"},
                                 {"tsdproxy.health_check_interval", "10"},
                                 {"tsdproxy.ratelimit.enabled", "false"},
                                 {"tsdproxy.ratelimit.rps", "50"}})})["c"]["health"] == false);
}

TEST_CASE("labels of TSDProxy 1: a port for the container, or the first that the image exposes") {
  Container web = container("web", {{"tsdproxy.enable", "true"},
                                    {"tsdproxy.container_port", "8080"},
                                    {"tsdproxy.scheme", "https"},
                                    {"tsdproxy.tlsvalidate", "false"}});
  CHECK(proxies({web})["web"]["ports"]["443/https"] ==
        Json::parse(R"({"targets": [{"url": "https://172.17.0.2:8080", "tlsValidate": false}]})"));
  web.labels = {{"tsdproxy.enable", "true"}};
  web.ports = {{8080, 0, false}, {80, 0, false}, {53, 0, true}};
  CHECK(proxies({web})["web"]["ports"]["443/https"]["targets"][0]["url"] == "http://172.17.0.2:80");
}

TEST_CASE("TSDProxy's short form of a port: the container's own port is behind it") {
  const auto targets = [](Labels more, std::string_view key = "443/https") {
    more["tsdproxy.enable"] = "true";
    Container web = container("web", std::move(more));
    web.ports = {{8080, 0, false}, {3000, 0, false}, {80, 0, true}};
    return proxies({web})["web"]["ports"][std::string(key)]["targets"];
  };
  CHECK(targets({{"tsdproxy.port.1", "443/https"}}) == Json::parse(R"([{"url": "http://172.17.0.2:3000"}])"));
  CHECK(targets({{"tsdproxy.port.1", "22/tcp"}}, "22/tcp") ==
        Json::parse(R"([{"url": "tcp://172.17.0.2:3000"}])"));
  CHECK(targets({{"tsdproxy.port.1", "53/udp"}}, "53/udp") ==
        Json::parse(R"([{"url": "udp://172.17.0.2:80"}])"));
  CHECK(targets({{"tsdproxy.port.1", "443/https, no_tlsvalidate, weight=2"},
                 {"tsdproxy.container_port", "8443"},
                 {"tsdproxy.scheme", "https"}}) ==
        Json::parse(R"([{"url": "https://172.17.0.2:8443", "tlsValidate": false, "weight": 2}])"));
}

TEST_CASE("no_tlsvalidate is no mistake where there is no certificate") {
  const DockerFindings found = read_labels(
      {container("c",
                 {{"tsdproxy.enable", "true"}, {"tsdproxy.port.1", "443/http:80/http, no_tlsvalidate"}})},
      {});
  REQUIRE(found.ports.size() == 1);
  CHECK(judge(found.ports[0]).empty());
}

TEST_CASE("TSDProxy's labels for nodes are told and cost nothing where the spec asks for none") {
  const DockerFindings found =
      read_labels({container("c", {{"evenkeel.enable", "true"},
                                   {"tsdproxy.port.1", "80/http:3000/http, tailscale_funnel"},
                                   {"tsdproxy.ephemeral", "true"},
                                   {"tsdproxy.tags", "tag:web"},
                                   {"tsdproxy.authkeyfile", "/run/secrets/authkey"}})},
                  {});
  REQUIRE(found.ports.size() == 1);
  for (const TailnetMode mode : {TailnetMode::off, TailnetMode::host}) {
    std::vector<DockerProblem> ignored;
    const auto port = found.ports[0].fitted({.mode = mode}, ignored);
    REQUIRE(port);
    std::set<std::string> labels;
    for (const DockerProblem& each : ignored) labels.insert(each.label);
    CHECK(labels == std::set<std::string>{"tsdproxy.port.1", "tsdproxy.ephemeral", "tsdproxy.tags",
                                          "tsdproxy.authkeyfile"});
    CHECK(judge(*port).empty());
    CHECK(Json::parse(port->fragment.text) == Json::parse(R"({"proxies": {"c": {"ports": {
      "80/http": {"targets": [{"url": "http://172.17.0.2:3000"}]}}}}})"));
  }
  std::vector<DockerProblem> ignored;
  CHECK(found.ports[0].fitted({.mode = TailnetMode::node}, ignored) == found.ports[0]);
  CHECK(ignored.empty());
}

TEST_CASE("the label funnel of TSDProxy 1 is ignored by its own name") {
  Container web = container("web", {{"evenkeel.enable", "true"}, {"tsdproxy.funnel", "true"}});
  web.ports = {{80, 0, false}};
  const DockerFindings found = read_labels({web}, {});
  REQUIRE(found.ports.size() == 1);
  std::vector<DockerProblem> ignored;
  REQUIRE(found.ports[0].fitted({}, ignored));
  REQUIRE(ignored.size() == 1);
  CHECK(ignored[0].label == "tsdproxy.funnel");
}

TEST_CASE("evenkeel's own labels for nodes are mistakes where there is none") {
  const DockerFindings found = read_labels({container("c", with({{"evenkeel.ephemeral", "true"}}))}, {});
  REQUIRE(found.ports.size() == 1);
  std::vector<DockerProblem> ignored;
  CHECK(found.ports[0].fitted({}, ignored) == found.ports[0]);
  CHECK(ignored.empty());
  CHECK_FALSE(judge(found.ports[0]).empty());
}

TEST_CASE("a name label that is no hostname is told of where it would be a node's") {
  const DockerFindings found = read_labels({container("c", {{"evenkeel.enable", "true"},
                                                            {"evenkeel.name", "my_app"},
                                                            {"evenkeel.port.1", "80/http:3000/http"}})},
                                           {});
  REQUIRE(found.ports.size() == 1);
  std::vector<DockerProblem> problems;
  CHECK_FALSE(found.ports[0].fitted({.mode = TailnetMode::node}, problems));
  CHECK(problems == std::vector<DockerProblem>{
                        {"c", "evenkeel.name", "is \"my_app\", which cannot be the hostname of a node",
                         "evenkeel.name: 1 to 63 letters, digits or \"-\", such as \"my-app\""}});
  problems.clear();
  CHECK(found.ports[0].fitted({.mode = TailnetMode::host}, problems) == found.ports[0]);
  CHECK(found.ports[0].fitted({.mode = TailnetMode::node, .hostname = "edge"}, problems) == found.ports[0]);
  CHECK(problems.empty());
}
