#include "tailnet/serve_config.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace evenkeel::tailnet;
using Json = nlohmann::ordered_json;

namespace {

const Service web{"svc:web", {{443, "127.0.0.1:8443"}}};

std::string edited(std::string_view config, const Service& service = web) {
  const Edit edit = with_services(config, {&service, 1});
  REQUIRE(edit);
  REQUIRE(*edit);
  return **edit;
}

std::string refused(std::string_view config) {
  const Edit edit = with_services(config, {&web, 1});
  REQUIRE_FALSE(edit);
  return edit.error();
}

}  // namespace

TEST_CASE("a service is added to a configuration that has none") {
  const std::string wanted =
      R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"127.0.0.1:8443","ProxyProtocol":2}}}}})";
  CHECK(edited("null") == wanted);
  CHECK(edited("{}") == wanted);
  CHECK(edited(R"({"Services":null})") == wanted);
  CHECK(edited(R"({"Services":{"svc:web":{}}})") == wanted);
}

TEST_CASE("everything else stays, also what is not known") {
  const std::string before = R"({"TCP":{"443":{"HTTPS":true}},
    "Web":{"host.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:3000"}}}},
    "Services":{"svc:db":{"TCP":{"5432":{"TCPForward":"127.0.0.1:5432"}}},
                "svc:web":{"TCP":{"80":{"TCPForward":"127.0.0.1:1"}},"Later":18446744073709551615}},
    "AllowFunnel":{"host.ts.net:443":true},"Foreground":{"session":{"TCP":{"1":{"HTTP":true}}}},
    "FromTheFuture":[1,-9007199254740993,{"a":null}]})";
  Json wanted = Json::parse(before);
  wanted["Services"]["svc:web"]["TCP"]["443"] = {{"TCPForward", "127.0.0.1:8443"}, {"ProxyProtocol", 2}};
  CHECK(edited(before) == wanted.dump());
}

TEST_CASE("a configuration that is as wanted is left alone") {
  for (const std::string_view config :
       {R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"127.0.0.1:8443","ProxyProtocol":2}}}}})",
        R"({"Services":{"svc:web":{"TCP":{"443":{"ProxyProtocol":2,"TCPForward":"127.0.0.1:8443"}}}}})"}) {
    const Edit edit = with_services(config, {&web, 1});
    REQUIRE(edit);
    CHECK_FALSE(*edit);
  }
}

TEST_CASE("a port that reads no PROXY header gets none") {
  const Service plain{"svc:web", {{443, "127.0.0.1:8443", false}}};
  const std::string wanted = R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"127.0.0.1:8443"}}}}})";
  CHECK(edited("null", plain) == wanted);
  CHECK(
      edited(R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"127.0.0.1:8443","ProxyProtocol":2}}}}})",
             plain) == wanted);
  const Edit again = with_services(wanted, {&plain, 1});
  REQUIRE(again);
  CHECK_FALSE(*again);
}

TEST_CASE("a forward of before is replaced") {
  for (const std::string_view handler :
       {R"({"TCPForward":"127.0.0.1:9","ProxyProtocol":2})", R"({"TCPForward":"127.0.0.1:8443"})",
        R"({"TCPForward":"127.0.0.1:8443","ProxyProtocol":1})"}) {
    const std::string config = R"({"Services":{"svc:web":{"TCP":{"443":)" + std::string(handler) + "}}}}";
    CHECK(Json::parse(edited(config))["Services"]["svc:web"]["TCP"]["443"] ==
          Json({{"TCPForward", "127.0.0.1:8443"}, {"ProxyProtocol", 2}}));
  }
}

TEST_CASE("several ports and services in one edit") {
  const Service services[] = {{"svc:a", {{80, "127.0.0.1:1"}, {443, "127.0.0.1:2"}}},
                              {"svc:b", {{80, "127.0.0.1:3"}}}};
  const Edit edit = with_services("{}", services);
  REQUIRE(edit);
  REQUIRE(*edit);
  const Json json = Json::parse(**edit);
  CHECK(json["Services"]["svc:a"]["TCP"].size() == 2);
  CHECK(json["Services"]["svc:b"]["TCP"]["80"]["TCPForward"] == "127.0.0.1:3");
}

TEST_CASE("what somebody has set by hand is not overwritten") {
  CHECK(
      refused(R"({"Services":{"svc:web":{"TCP":{"443":{"HTTPS":true}},"Web":{}}}})") ==
      "port 443 of svc:web is served by tailscaled itself; clear it first: `tailscale serve clear svc:web`");
  CHECK(refused(R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"x:1","TerminateTLS":"x"}}}}})")
            .contains("clear it first"));
  CHECK(refused(R"({"Services":{"svc:web":{"Tun":true}}})") ==
        "svc:web is in TUN mode; clear it first: `tailscale serve clear svc:web`");
}

TEST_CASE("a configuration of another kind is refused, not replaced") {
  for (const std::string_view config :
       {"", "{", "[]", "7", R"({"Services":[]})", R"({"Services":{"svc:web":7}})",
        R"({"Services":{"svc:web":{"TCP":[]}}})", R"({"Services":{"svc:web":{"TCP":{"443":7}}}})"}) {
    INFO(config);
    CHECK_FALSE(refused(config).empty());
  }
}

TEST_CASE("the list of what is advertised is changed by its difference") {
  const std::string web_name[] = {"svc:web"};
  const auto edit = [&](std::string_view prefs, bool add) {
    return add ? advertising(prefs, web_name, {}) : advertising(prefs, {}, web_name);
  };
  const auto patch = [&](std::string_view prefs, bool add) {
    const Edit made = edit(prefs, add);
    REQUIRE(made);
    return made->value_or("nothing");
  };
  const std::string begin = R"({"AdvertiseServicesSet":true,"AdvertiseServices":)";
  CHECK(patch(R"({"AdvertiseServices":null})", true) == begin + R"(["svc:web"]})");
  CHECK(patch("{}", true) == begin + R"(["svc:web"]})");
  CHECK(patch(R"({"Hostname":"x","AdvertiseServices":["svc:db"]})", true) ==
        begin + R"(["svc:db","svc:web"]})");
  CHECK(patch(R"({"AdvertiseServices":["svc:web","svc:db"]})", true) == "nothing");
  CHECK(patch(R"({"AdvertiseServices":["svc:db"]})", false) == "nothing");
  CHECK(patch(R"({"AdvertiseServices":["svc:web","svc:db","svc:web"]})", false) == begin + R"(["svc:db"]})");
  CHECK(patch(R"({"AdvertiseServices":["svc:web"]})", false) == begin + "[]}");
  CHECK_FALSE(edit("null", true));
  CHECK_FALSE(edit(R"({"AdvertiseServices":"svc:db"})", true));
  CHECK_FALSE(edit(R"({"AdvertiseServices":[1]})", true));
}

TEST_CASE("names of services") {
  for (const std::string_view name : {"svc:web", "svc:a", "svc:my-app2", "svc:1"})
    CHECK(is_service_name(name));
  for (const std::string_view name :
       {"", "svc:", "web", "svc:-a", "svc:a-", "svc:a.b", "svc:a b", "svc:a_b"}) {
    CHECK_FALSE(is_service_name(name));
  }
  CHECK(is_service_name("svc:" + std::string(63, 'a')));
  CHECK_FALSE(is_service_name("svc:" + std::string(64, 'a')));
}
