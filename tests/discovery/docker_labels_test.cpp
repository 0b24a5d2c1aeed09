#include "discovery/docker_labels.hpp"

#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "config/health_reader.hpp"

using namespace evenkeel;
using namespace evenkeel::discovery;
using Json = nlohmann::json;
using Labels = std::map<std::string, std::string>;

namespace {

Container container(std::string name, Labels labels, std::string address = "172.17.0.2") {
  Container made;
  made.id = made.name = std::move(name);
  made.labels = std::move(labels);
  made.addresses = {{"bridge", std::move(address)}};
  return made;
}

// What a single container asks for: its proxies.
Json proxies(const std::vector<Container>& all, const DockerOptions& options = {}) {
  Json merged = Json::object();
  for (const DockerPort& port : read_labels(all, options).ports) {
    merged.merge_patch(Json::parse(port.fragment.text).at("proxies"));
  }
  return merged;
}

std::string problem(const std::vector<Container>& all, const DockerOptions& options = {}) {
  const DockerFindings found = read_labels(all, options);
  if (found.problems.size() != 1) return std::to_string(found.problems.size()) + " problems";
  const DockerProblem& only = found.problems[0];
  return only.container + " " + only.label + ": " + only.problem;
}

Labels with(Labels more) {
  more.insert(
      {{"evenkeel.enable", "true"}, {"evenkeel.name", "web"}, {"evenkeel.port.1", "80/http:3000/http"}});
  return more;
}

using Blamed = std::set<std::pair<std::string, std::string>>;

std::vector<SpecError> judge(const DockerPort& port) {
  const auto config = parse_config(R"({"discovery": {"docker": true}})", std::span(&port.fragment, 1));
  return config ? std::vector<SpecError>() : config.error();
}

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

// --- as TSDProxy documents them ---

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
    const DockerPort port = found.ports[0].fitted({.mode = mode}, ignored);
    std::set<std::string> labels;
    for (const DockerProblem& each : ignored) labels.insert(each.label);
    CHECK(labels == std::set<std::string>{"tsdproxy.port.1", "tsdproxy.ephemeral", "tsdproxy.tags",
                                          "tsdproxy.authkeyfile"});
    CHECK(judge(port).empty());
    CHECK(Json::parse(port.fragment.text) == Json::parse(R"({"proxies": {"c": {"ports": {
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
  CHECK(judge(found.ports[0].fitted({}, ignored)).empty() == false);  // https without a certificate
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
