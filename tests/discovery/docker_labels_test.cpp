#include "discovery/docker_labels.hpp"

#include <set>

#include <catch2/catch.hpp>

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

namespace {
using Blamed = std::set<std::pair<std::string, std::string>>;

Blamed blamed(const DockerPort& port) {
  Blamed all;
  for (const SpecError& error : judge(port)) {
    const DockerProblem its = port.blame(error);
    all.emplace(its.container, its.label);
  }
  return all;
}

}  // namespace

TEST_CASE("a container that is enabled is a proxy of its name") {
  CHECK(
      proxies(
          {container("app", {{"tsdproxy.enable", "true"}, {"tsdproxy.port.1", "443/https:3000/http"}})}) ==
      Json::parse(R"({"app": {"ports": {"443/https": {"targets": [{"url": "http://172.17.0.2:3000"}]}}}})"));
  CHECK(
      proxies({container("app", {{"tsdproxy.enable", "false"}, {"tsdproxy.port.1", "443/https:3000/http"}})})
          .empty());
  CHECK(proxies({container("app", {{"tsdproxy.port.1", "443/https:3000/http"}})}).empty());
  CHECK(proxies({container("app", {{"com.example", "true"}})}).empty());
}

TEST_CASE("replicas that share a name are the targets of one pool") {
  CHECK(proxies({container("web-1", with({})), container("web-2", with({}), "172.17.0.3"),
                 container("web-3", with({}), "fd00::3")}) ==
        Json::parse(R"({"web": {"ports": {"80/http": {"targets": [
          {"url": "http://172.17.0.2:3000"}, {"url": "http://172.17.0.3:3000"}, {"url": "http://[fd00::3]:3000"}]}}}})"));
}

TEST_CASE("a container that takes no work drains") {
  Container paused = container("web-1", with({}));
  paused.takes_work = false;
  CHECK(proxies({paused})["web"]["ports"]["80/http"]["targets"][0]["state"] == "draining");
}

TEST_CASE("replicas that disagree: the oldest's word counts, and the other's target takes part") {
  const std::vector<Container> all{
      container("old", with({{"evenkeel.port.1.loadbalance", "first"}})),
      container("young", with({{"evenkeel.port.1.loadbalance", "random"}}), "172.17.0.3")};
  CHECK(problem(all) == "young evenkeel.port.1: says otherwise than old, which is older");
  const Json port = proxies(all)["web"]["ports"]["80/http"];
  CHECK(port["loadbalance"] == "first");
  CHECK(port["targets"].size() == 2);
}

TEST_CASE("a redirect has no targets, whoever else wants it to have some") {
  const std::vector<Container> all{
      container("old", with({{"evenkeel.port.2", "81/http->https://web.example"}})),
      container("young", with({{"evenkeel.port.2", "81/http:3000/http"}}), "172.17.0.3")};
  CHECK(problem(all) == "young evenkeel.port.2: says otherwise than old, which is older");
  CHECK(proxies(all)["web"]["ports"]["81/http"] == Json::parse(R"({"redirect": "https://web.example"})"));
}

TEST_CASE("one container that names a port twice") {
  CHECK(proxies({container(
            "c", with({{"evenkeel.port.2", "80/http:3001/http"}}))})["web"]["ports"]["80/http"]["targets"]
            .size() == 2);
  CHECK(problem({container("c", with({{"evenkeel.port.2", "80/http:3001/http,loadbalance=first"}}))}) ==
        "c evenkeel.port.2: says otherwise than evenkeel.port.1");
}

TEST_CASE("ports come in the order in which containers have wanted them") {
  const auto order = [](const std::vector<Container>& all) {
    std::vector<std::string> places;
    for (const DockerPort& port : read_labels(all, {}).ports) {
      const Json found = Json::parse(port.fragment.text).at("proxies");
      places.push_back(found.begin().key() + " " + found.begin()->at("ports").begin().key());
    }
    return places;
  };
  // A younger replica of an older proxy does not take what another has.
  CHECK(order({container("web-1", with({})),
               container("shop", {{"evenkeel.enable", "true"}, {"evenkeel.port.1", "81/http:3000/http"}}),
               container("web-2", with({{"evenkeel.port.2", "81/http:3000/http"}}))}) ==
        std::vector<std::string>{"web 80/http", "shop 81/http", "web 81/http"});
}

TEST_CASE("targets that labels name instead of the container itself") {
  const auto targets = [](Labels more) {
    const Json all = proxies({container("web-1", with(std::move(more)))});
    std::vector<std::string> urls;
    for (const Json& target : all["web"]["ports"]["80/http"]["targets"]) urls.push_back(target["url"]);
    return urls;
  };
  using Urls = std::vector<std::string>;
  CHECK(targets({{"evenkeel.targets", "container1:3000, container2:3001,http://c3"}}) ==
        Urls{"http://container1:3000", "http://container2:3001", "http://c3"});
  CHECK(targets({{"evenkeel.port.1.target", "a:1,b"}}) == Urls{"http://a:1", "http://b:3000"});
  CHECK(targets({{"evenkeel.port.1.target.1", "a:1"},
                 {"evenkeel.port.1.target.2", "b:2"},
                 {"evenkeel.targets", "c:3"}}) == Urls{"http://a:1", "http://b:2"});
}

TEST_CASE("settings of the proxy, of a port, and of its target") {
  CHECK(proxies({container("web-1", with({{"evenkeel.loadbalance", "leastconn"},
                                          {"evenkeel.health.path", "/up"},
                                          {"evenkeel.health.rise", "1"},
                                          {"evenkeel.weight", "3"},
                                          {"evenkeel.port.2",
                                           "443/https:3443/https,no_tlsvalidate,loadBalance=first,weight=5"},
                                          {"evenkeel.port.2.health", "false"}}))}) == Json::parse(R"({"web": {
    "loadbalance": "leastconn", "health": {"path": "/up", "rise": 1}, "ports": {
      "80/http": {"targets": [{"url": "http://172.17.0.2:3000", "weight": 3}]},
      "443/https": {"loadbalance": "first", "health": false,
                    "targets": [{"url": "https://172.17.0.2:3443", "tlsValidate": false, "weight": 5}]}}}})"));
}

TEST_CASE("where there are labels of both names, evenkeel's count") {
  const Json all = proxies({container("c", {{"tsdproxy.enable", "true"},
                                            {"tsdproxy.name", "theirs"},
                                            {"evenkeel.name", "ours"},
                                            {"tsdproxy.port.1", "80/http:1/http"},
                                            {"evenkeel.port.1", "80/http:2/http"}})});
  CHECK(all["ours"]["ports"]["80/http"]["targets"][0]["url"] == "http://172.17.0.2:2");
}

TEST_CASE("the address of a container") {
  Container two = container("c", with({}));
  two.addresses = {{"back", "10.1.0.2"}, {"front", "10.2.0.2"}};
  const auto url = [](const Container& its, const DockerOptions& options = {}) {
    return proxies({its}, options)["web"]["ports"]["80/http"]["targets"][0]["url"].get<std::string>();
  };
  CHECK(url(two) == "http://10.1.0.2:3000");
  CHECK(url(two, {.network = "front"}) == "http://10.2.0.2:3000");
  two.labels["evenkeel.network"] = "back";
  CHECK(url(two, {.network = "front"}) == "http://10.1.0.2:3000");
  two.labels["evenkeel.network"] = "side";
  CHECK(problem({two}) ==
        "c evenkeel.port.1: has no address on the network \"side\", but on \"back\", \"front\"");
  Container none = two;
  none.addresses.clear();
  CHECK(problem({none}) == "c evenkeel.port.1: has no address on any network");
  two.has_own_network = false;
  CHECK(url(two) == "http://127.0.0.1:3000");
}

TEST_CASE("published ports") {
  Container web = container("c", with({{"evenkeel.port.2", "7000-7001/udp:7000-7001/udp"}}));
  const DockerOptions published{.reach = DockerReach::published, .target_host = "10.9.0.1"};
  web.ports = {{3000, 32768, false}, {3000, 0, true}, {7000, 9000, true}, {7001, 9001, true}};
  const Json ports = proxies({web}, published)["web"]["ports"];
  CHECK(ports["80/http"]["targets"][0]["url"] == "http://10.9.0.1:32768");
  CHECK(ports["7000-7001/udp"]["targets"][0]["url"] == "udp://10.9.0.1:9000-9001");
  web.ports[3].outside = 9005;
  CHECK(problem({web}, published) == "c evenkeel.port.2: is to a port that is not published");
}

TEST_CASE("labels that are wrong are told by container and label") {
  CHECK(problem({container("c", with({{"evenkeel.prot.1", "80/http:1"}}))}) ==
        "c evenkeel.prot.1: is unknown");
  CHECK(problem({container("c", with({{"evenkeel.port.1.wieght", "1"}}))}) ==
        "c evenkeel.port.1.wieght: is unknown");
  CHECK(problem({container("c", with({{"evenkeel.port.2.loadbalance", "first"}}))}) ==
        "c evenkeel.port.2.loadbalance: is about a port that no label names");
  CHECK(problem({container("c", with({{"evenkeel.port.2", "443:x"}}))}) ==
        "c evenkeel.port.2: is \"443:x\", which has a target that is not a port, or ports that ascend");
  CHECK(problem({container("c", with({{"evenkeel.port.2", "443/https"}}))}) ==
        "c evenkeel.port.2: names no port of the container, and the image exposes none");
  CHECK(problem({container("c", with({{"evenkeel.port.2", "443:1,fast"}}))}) ==
        "c evenkeel.port.2: has the unknown option \"fast\"");
  CHECK(problem({container("c", with({{"tsdproxy.authkey", "tskey-secret"}}))}) ==
        "c tsdproxy.authkey: holds the key itself");
  CHECK(problem({container("c", {{"evenkeel.enable", "true"}})}) ==
        "c evenkeel.enable: names no port of the container, and the image exposes none");
  CHECK(problem({container("c", {{"evenkeel.enable", "true"}, {"tsdproxy.container_port", "web"}})}) ==
        "c tsdproxy.container_port: is \"web\"");
}

TEST_CASE("a mistake that the spec's reader finds goes back to the label") {
  const DockerFindings found =
      read_labels({container("old", with({{"evenkeel.port.1.health.rise", "many"}})),
                   container("young", with({{"evenkeel.port.1.health.rise", "many"}}), "bad host")},
                  {});
  REQUIRE(found.ports.size() == 1);
  CHECK(blamed(found.ports[0]) ==
        Blamed{{"old", "evenkeel.port.1.health.rise"}, {"young", "evenkeel.port.1"}});
}

TEST_CASE("what is wrong goes, and what is right stays") {
  const Labels both = with({{"evenkeel.port.2", "81/http:3001/http"}});
  Labels heavy = both;
  heavy["evenkeel.weight"] = "abc";
  Labels typo = both;
  typo["evenkeel.port.3"] = "82/htp:3002/http";
  const DockerFindings found =
      read_labels({container("bad", heavy), container("good", both, "172.17.0.3"),
                   container("typo", typo, "172.17.0.4"), container("last", both, "172.17.0.5")},
                  {});
  REQUIRE(found.ports.size() == 3);
  CHECK(blamed(found.ports[1]) == Blamed{{"bad", "evenkeel.weight"}});
  CHECK(blamed(found.ports[2]) == Blamed{{"typo", "evenkeel.port.3"}});
  CHECK_FALSE(found.ports[2].without(judge(found.ports[2])));
  const auto rest = found.ports[1].without(judge(found.ports[1]));
  REQUIRE(rest);
  CHECK(judge(*rest).empty());
  CHECK(Json::parse(rest->fragment.text) == Json::parse(R"({"proxies": {"web": {"ports": {
    "81/http": {"targets": [{"url": "http://172.17.0.3:3001"}, {"url": "http://172.17.0.4:3001"}, {"url": "http://172.17.0.5:3001"}]}}}}})"));
  // Who is told of is still who has said it.
  CHECK(rest->blame({"docker:web#/proxies/web/ports/81~1http/targets/2/url", "", ""}).container == "last");
}

TEST_CASE("a port of which nothing is left, or that is wrong as a whole") {
  const DockerFindings found = read_labels({container("c", with({}))}, {});
  const auto without = [&](std::string pointer) {
    return found.ports[0].without(std::vector<SpecError>{{std::move(pointer), "", ""}});
  };
  CHECK_FALSE(without("docker:web#/proxies/web/ports/80~1http/targets/0/weight"));
  CHECK_FALSE(without("docker:web#/proxies/web/ports/80~1http"));
  CHECK_FALSE(without("docker:web#/proxies/web/loadbalance"));
  CHECK_FALSE(without(""));
}

TEST_CASE("labels may say anything") {
  for (const char* const key :
       {"evenkeel.health.a/b~c", "evenkeel.health.0", "evenkeel.health.", "evenkeel.port..", "evenkeel.port.",
        "evenkeel.", "evenkeel.port.1.", "evenkeel.port.1.health.~", "evenkeel.port.a~b", "tsdproxy.tags",
        "evenkeel.health"}) {
    for (const char* const value : {"", "false", "{}", "\xff", "999999999999", ",", "443:1,=,health=false"}) {
      CAPTURE(key, value);
      const DockerFindings found = read_labels(
          {container("c\xff/~", with({{key, value}, {"tsdproxy.health_check_interval", "1"}}))}, {});
      for (const DockerPort& port : found.ports) CHECK_NOTHROW(port.without(judge(port)));
    }
  }
}
