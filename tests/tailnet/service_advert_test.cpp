#include "tailnet/service_advert.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "proxy/loop_fixture.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace evenkeel::tailnet;
using namespace evenkeel::test;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

namespace {

// What tailscaled does with serve-config and prefs.
struct Tailscaled {
  Json config = nullptr;
  Json prefs = {{"Hostname", "host"}, {"AdvertiseServices", nullptr}};
  int version = 1;                                 // of the config: its Etag
  std::vector<std::string> log;                    // "GET serve-config 200"
  std::function<void(const std::string&)> before;  // somebody else acts, ahead of a request
  std::function<void(const std::string&)> after;   // the same, behind a PATCH that has taken effect
  int refuses = 0;                                 // the next so many requests with 500
  bool holds = false;
  StandIn::Peer* held = nullptr;

  void serve(StandIn::Peer& peer) {
    if (holds) {
      held = &peer;
      return;
    }
    const std::string method = peer.request.substr(0, peer.request.find(' '));
    const std::string what = method + (peer.has(" /localapi/v0/serve-config ") ? " serve-config" : " prefs");
    if (before) before(what);
    int status = 200;
    const std::string body = respond(what, peer, status);
    log.push_back(what + " " + std::to_string(status));
    peer.answer(http_answer(status, body, "Etag: v" + std::to_string(version) + "\r\n"));
  }

  std::string respond(const std::string& what, const StandIn::Peer& peer, int& status) {
    if (refuses > 0) {
      --refuses;
      status = 500;
      return R"({"error":"netMap is nil"})";
    }
    if (what == "GET serve-config") return config.dump();
    if (what == "POST serve-config") {
      if (!peer.has("\r\nIf-Match: v" + std::to_string(version) + "\r\n")) {
        status = 412;
        return "etag mismatch\n";
      }
      config = Json::parse(peer.body());
      ++version;
      return "";
    }
    if (what == "PATCH prefs") {
      const Json patch = Json::parse(peer.body());
      REQUIRE(patch.size() == 2);
      REQUIRE(patch["AdvertiseServicesSet"] == true);
      prefs["AdvertiseServices"] = patch["AdvertiseServices"];
      if (after) after(what);
    }
    return prefs.dump();
  }

  [[nodiscard]] std::string advertised() const { return prefs["AdvertiseServices"].dump(); }
  [[nodiscard]] long count(const std::string& line) const { return std::ranges::count(log, line); }
};

const Service web{"svc:web", {{443, "127.0.0.1:8443"}}};
const Service db{"svc:db", {{5432, "127.0.0.1:15432"}}};

struct Fixture {
  testing::Loop loop;
  Directory directory;
  Tailscaled tailscaled;
  StandIn server{loop.get(), directory.socket(), [this](StandIn::Peer& peer) { tailscaled.serve(peer); }};
  std::vector<std::string> reports;  // "" for a round that went well
  std::optional<ServiceAdvert> advert;

  explicit Fixture(ServiceAdvertOptions options = {.first_retry = 5ms, .last_retry = 20ms, .conflicts = 5}) {
    advert.emplace(
        LocalApi(loop.get(), tailnet::tailscaled_at(directory.socket())),
        [this](const LocalResult<void>& result) { reports.push_back(result ? "" : result.error().text); },
        options);
  }
  bool settles() {
    return loop.run_until([this] { return advert->settled(); });
  }
};

using Log = std::vector<std::string>;

}  // namespace

TEST_CASE("a service is configured, then advertised") {
  Fixture fixture;
  fixture.advert->advertise(web);
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.log ==
        Log{"GET serve-config 200", "POST serve-config 200", "GET prefs 200", "PATCH prefs 200"});
  CHECK(fixture.tailscaled.config.dump() ==
        R"({"Services":{"svc:web":{"TCP":{"443":{"TCPForward":"127.0.0.1:8443","ProxyProtocol":2}}}}})");
  CHECK(fixture.tailscaled.advertised() == R"(["svc:web"])");
  CHECK(fixture.reports == Log{""});

  // Again: nothing to say. Asked to look: it looks, and changes nothing.
  fixture.advert->advertise(web);
  CHECK(fixture.advert->settled());
  fixture.tailscaled.log.clear();
  fixture.advert->check();
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.log == Log{"GET serve-config 200", "GET prefs 200"});
}

TEST_CASE("withdrawing takes the service off the list and leaves its forwarding") {
  Fixture fixture;
  fixture.tailscaled.prefs["AdvertiseServices"] = {"svc:other"};
  fixture.advert->advertise(web);
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == R"(["svc:other","svc:web"])");
  const Json config = fixture.tailscaled.config;
  fixture.tailscaled.log.clear();
  fixture.advert->withdraw("svc:web");
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.log == Log{"GET prefs 200", "PATCH prefs 200"});
  CHECK(fixture.tailscaled.advertised() == R"(["svc:other"])");
  CHECK(fixture.tailscaled.config == config);
  fixture.advert->withdraw("svc:web");
  CHECK(fixture.advert->settled());
}

TEST_CASE("what an earlier process advertised is withdrawn") {
  Fixture fixture;
  fixture.tailscaled.prefs["AdvertiseServices"] = {"svc:web", "svc:other"};
  fixture.advert->withdraw("svc:web");
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == R"(["svc:other"])");
}

TEST_CASE("a change by somebody else is read again, not overwritten") {
  Fixture fixture;
  int others = 3;
  fixture.tailscaled.before = [&](const std::string& what) {
    if (what != "POST serve-config" || others-- <= 0) return;
    fixture.tailscaled.config["TCP"][std::to_string(others)] = {{"HTTPS", true}};
    ++fixture.tailscaled.version;
  };
  fixture.advert->advertise(web);
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.count("POST serve-config 412") == 3);
  CHECK(fixture.tailscaled.count("POST serve-config 200") == 1);
  CHECK(fixture.tailscaled.config["TCP"].size() == 3);
  CHECK(fixture.tailscaled.config["Services"]["svc:web"]["TCP"].size() == 1);
  CHECK(fixture.reports == Log{""});
}

TEST_CASE("a configuration that keeps changing is a failure, and tried again later") {
  Fixture fixture({.first_retry = 5ms, .last_retry = 20ms, .conflicts = 2});
  bool restless = true;
  fixture.tailscaled.before = [&](const std::string& what) {
    if (what == "POST serve-config" && restless) ++fixture.tailscaled.version;
  };
  fixture.advert->advertise(web);
  REQUIRE(fixture.loop.run_until([&] { return fixture.reports.size() == 2; }));
  CHECK(fixture.reports == Log(2, "tailscaled's serve-config keeps changing"));
  CHECK(fixture.tailscaled.count("POST serve-config 412") == 6);
  CHECK_FALSE(fixture.advert->settled());
  restless = false;
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == R"(["svc:web"])");
  CHECK(fixture.reports.back().empty());
}

TEST_CASE("a list that somebody else has written over is written again") {
  Fixture fixture;
  bool once = true;
  fixture.tailscaled.after = [&](const std::string& what) {
    if (what != "PATCH prefs" || !once) return;
    once = false;
    fixture.tailscaled.prefs["AdvertiseServices"] = {"svc:other"};
  };
  fixture.advert->advertise(web);
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.count("PATCH prefs 200") == 2);
  CHECK(fixture.tailscaled.advertised() == R"(["svc:other","svc:web"])");
  CHECK(fixture.reports == Log{""});
}

TEST_CASE("a list that somebody else keeps writing over is a failure") {
  Fixture fixture({.first_retry = 1h, .last_retry = 1h, .conflicts = 2});
  fixture.tailscaled.after = [&](const std::string& what) {
    if (what == "PATCH prefs") fixture.tailscaled.prefs["AdvertiseServices"] = nullptr;
  };
  fixture.advert->advertise(web);
  REQUIRE(fixture.loop.run_until([&] { return !fixture.reports.empty(); }));
  CHECK(fixture.reports == Log{"tailscaled does not keep its AdvertiseServices"});
  CHECK(fixture.tailscaled.count("PATCH prefs 200") == 3);
}

TEST_CASE("several services go in one round, and one list") {
  Fixture fixture;
  fixture.advert->advertise(web);
  fixture.advert->advertise(db);
  fixture.advert->withdraw("svc:gone");
  fixture.tailscaled.prefs["AdvertiseServices"] = {"svc:gone"};
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == R"(["svc:web","svc:db"])");
  CHECK(fixture.tailscaled.config["Services"].size() == 2);
  CHECK(fixture.reports.size() == 2);  // the first began before the second was known
}

TEST_CASE("of what is wanted while a round is under way the last counts") {
  Fixture fixture;
  fixture.tailscaled.holds = true;
  fixture.advert->advertise(web);
  REQUIRE(fixture.loop.run_until([&] { return fixture.tailscaled.held != nullptr; }));
  for (int i = 0; i < 100; ++i) {
    fixture.advert->withdraw("svc:web");
    fixture.advert->advertise(web);
  }
  fixture.advert->withdraw("svc:web");
  CHECK(fixture.server.requests() == 1);
  fixture.tailscaled.holds = false;
  fixture.tailscaled.serve(*fixture.tailscaled.held);
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == "[]");
  CHECK(fixture.tailscaled.count("PATCH prefs 200") == 2);  // one for each round
  CHECK(fixture.reports == Log{"", ""});
}

TEST_CASE("a failure is told and tried again until it works") {
  Fixture fixture;
  fixture.tailscaled.refuses = 3;
  fixture.advert->advertise(web);
  REQUIRE(fixture.settles());
  CHECK(fixture.reports == Log{"tailscaled answered GET /localapi/v0/serve-config with 500: netMap is nil",
                               "tailscaled answered GET /localapi/v0/serve-config with 500: netMap is nil",
                               "tailscaled answered GET /localapi/v0/serve-config with 500: netMap is nil",
                               ""});
  CHECK(fixture.tailscaled.advertised() == R"(["svc:web"])");
}

TEST_CASE("a change does not wait for a retry") {
  Fixture fixture({.first_retry = 1h, .last_retry = 1h, .conflicts = 5});
  fixture.tailscaled.prefs["AdvertiseServices"] = {"svc:web"};
  fixture.tailscaled.refuses = 1;
  fixture.advert->advertise(web);
  REQUIRE(fixture.loop.run_until([&] { return fixture.reports.size() == 1; }));
  CHECK_FALSE(fixture.advert->settled());
  fixture.advert->withdraw("svc:web");
  REQUIRE(fixture.settles());
  CHECK(fixture.tailscaled.advertised() == "[]");
}

TEST_CASE("what cannot be done is said") {
  Fixture fixture({.first_retry = 1h, .last_retry = 1h, .conflicts = 5});
  const auto report = [&] {
    const std::size_t before = fixture.reports.size();
    REQUIRE(fixture.loop.run_until([&] { return fixture.reports.size() > before; }));
    return fixture.reports.back();
  };
  fixture.tailscaled.config = {{"Services", {{"svc:web", {{"TCP", {{"443", {{"HTTPS", true}}}}}}}}}};
  const Json by_hand = fixture.tailscaled.config;
  fixture.advert->advertise(web);
  CHECK(report().starts_with("port 443 of svc:web is served by tailscaled itself"));
  CHECK(fixture.tailscaled.config == by_hand);
  CHECK(fixture.tailscaled.advertised() == "null");
  fixture.advert->withdraw("svc:web");
  CHECK(report().empty());
  fixture.advert->advertise({"web", {}});
  CHECK(report() == "a service is named \"svc:\" and a DNS label");
}

TEST_CASE("it may go at any moment") {
  for (int requests = 0; requests < 4; ++requests) {
    Fixture fixture;
    fixture.advert->advertise(web);
    REQUIRE(fixture.loop.run_until([&] { return fixture.server.requests() >= std::size_t(requests); }));
    fixture.advert.reset();
    CHECK(fixture.reports.empty());
    CHECK(fixture.loop.run_until([&] { return fixture.server.open() == 0; }));
  }
}
