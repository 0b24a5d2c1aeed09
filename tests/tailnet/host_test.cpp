#include <algorithm>
#include <string>
#include <vector>

#include "evenkeel/tailnet.hpp"

#include "proxy/loop_fixture.hpp"
#include "tailnet/certificate_pair.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace evenkeel::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view running =
    R"({"Version":"1","TUN":true,"BackendState":"Running","TailscaleIPs":["100.64.0.1","fd7a:115c:a1e0::1"],
        "Self":{"DNSName":"web.t.ts.net.","Tags":["tag:web"]},"CurrentTailnet":{"MagicDNSSuffix":"t.ts.net"},
        "CertDomains":["web.t.ts.net"]})";

class Log : public LogSink {
 public:
  void log(LogLevel, std::string_view event, std::span<const LogField> fields) noexcept override {
    std::string line(event);
    for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    lines.push_back(line);
  }
  [[nodiscard]] long count(std::string_view begin) const {
    return std::ranges::count_if(lines, [&](const std::string& line) { return line.starts_with(begin); });
  }
  std::vector<std::string> lines;
};

std::string pair_of(const CertificatePem& pem) {
  return pem.key + pem.chain;
}

// A tailscaled whose bus stays open, and says what a test pushes.
struct Fixture {
  testing::Loop loop;
  Directory directory;
  Log log;
  std::string status{running};
  int status_code = 200;
  std::vector<std::string> certificates;  // answers to the questions for one, the last for all further ones
  std::vector<std::string> asked;         // request lines for certificates
  StandIn::Peer* bus = nullptr;
  std::size_t buses = 0;
  StandIn server{loop.get(), directory.socket(), [this](StandIn::Peer& peer) { serve(peer); }};
  std::vector<TailnetStatus> seen;
  bool closed = false;
  TailnetHost host;

  explicit Fixture(std::chrono::milliseconds check = 1h)
      : host(loop.get(),
             {.socket = directory.socket(),
              .first_retry = 2ms,
              .last_retry = 10ms,
              .certificate_check = check,
              .certificate_first_retry = 2ms,
              .certificate_last_retry = 10ms},
             log) {}
  ~Fixture() { close(); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void close() {
    if (closed) return;
    host.close([this] { closed = true; });
    CHECK(loop.run_until([this] { return closed; }));
  }
  void serve(StandIn::Peer& peer) {
    if (peer.has("/watch-ipn-bus")) {
      bus = &peer;
      ++buses;
      peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      return push(R"({"State":6})");
    }
    if (peer.has("/status")) return peer.answer(http_answer(status_code, status));
    asked.push_back(peer.request.substr(0, peer.request.find(" HTTP")));
    const std::size_t index = std::min(asked.size(), certificates.size());
    peer.answer(index == 0 ? http_answer(500, "no") : certificates[index - 1]);
  }
  void push(std::string line) const {
    line += '\n';
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", line.size());
    bus->say(size + line + "\r\n");
  }
  void start() {
    host.start([this](const TailnetStatus& now) { seen.push_back(now); });
  }
  bool sees(std::size_t count) {
    return loop.run_until([&] { return seen.size() >= count; });
  }
};

std::string status_of(std::string_view state, std::string_view more = "") {
  return R"({"BackendState":")" + std::string(state) + R"(","TUN":true)" + std::string(more) + "}";
}

}  // namespace

TEST_CASE("host: the status of a node that is up") {
  Fixture fixture;
  fixture.start();
  REQUIRE(fixture.sees(1));
  CHECK(fixture.seen[0] == TailnetStatus{.running = true,
                                         .addresses = {"100.64.0.1", "fd7a:115c:a1e0::1"},
                                         .name = "web.t.ts.net",
                                         .suffix = "t.ts.net",
                                         .certificate_domains = {"web.t.ts.net"},
                                         .tagged = true});
  CHECK(fixture.host.status() == fixture.seen[0]);
}

TEST_CASE("host: each change is told, and the same never twice") {
  Fixture fixture;
  fixture.start();
  REQUIRE(fixture.sees(1));
  fixture.push(R"({"State":6})");
  fixture.status = status_of("NeedsLogin", R"(,"AuthURL":"https://login/a")");
  fixture.push(R"({"State":2})");
  REQUIRE(fixture.sees(2));
  CHECK_FALSE(fixture.seen[1].running);
  CHECK(fixture.seen[1].auth_url == "https://login/a");
  CHECK(fixture.seen[1].problem == "this machine is not logged in to a tailnet: open https://login/a");
  fixture.status = running;
  fixture.push(R"({"NetMap":{}})");
  REQUIRE(fixture.sees(3));
  CHECK(fixture.seen[2] == fixture.seen[0]);
}

TEST_CASE("host: what a person can do in each state") {
  const auto problem = [](const std::string& status) {
    Fixture fixture;
    fixture.status = status;
    fixture.start();
    REQUIRE(fixture.sees(1));
    return fixture.seen[0].problem;
  };
  CHECK(problem(status_of("NeedsLogin")) == "this machine is not logged in to a tailnet: run `tailscale up`");
  CHECK(problem(status_of("Stopped")) == "tailscaled is switched off: run `tailscale up`");
  CHECK(problem(status_of("NeedsMachineAuth")) == "an admin of the tailnet has to approve this machine");
  CHECK(problem(status_of("Starting")) == "tailscaled is starting");
  CHECK(problem(status_of("Running")) == "tailscaled has no address of the tailnet yet");
  CHECK(problem("nonsense") == "tailscaled's status is not JSON");
  const std::string userspace =
      problem(R"({"BackendState":"Running","TUN":false,"TailscaleIPs":["100.64.0.1"]})");
  CHECK(userspace.contains("its addresses cannot be bound"));
  CHECK(userspace.contains("mode \"node\""));
}

TEST_CASE("host: a tailscaled that comes later, or comes back, is found") {
  testing::Loop loop;
  Directory directory;
  Log log;
  std::vector<TailnetStatus> seen;
  TailnetHost host(loop.get(), {.socket = directory.socket(), .first_retry = 2ms, .last_retry = 10ms}, log);
  host.start([&](const TailnetStatus& now) { seen.push_back(now); });
  REQUIRE(loop.run_until([&] { return !seen.empty(); }));
  CHECK(seen[0].problem.starts_with("tailscaled is not running"));
  {
    const StandIn server(loop.get(), directory.socket(), [](StandIn::Peer& peer) {
      if (!peer.has("/watch-ipn-bus")) return peer.answer(http_answer(200, running));
      peer.say("HTTP/1.1 200 OK\r\n\r\n{\"State\":6}\n");
    });
    REQUIRE(loop.run_until([&] { return seen.back().running; }));
    CHECK(seen.size() == 2);
  }
  REQUIRE(loop.run_until([&] { return !seen.back().running; }));
  host.close({});
}

TEST_CASE("host: the key and the chain of a pair") {
  const auto pem = make_self_signed({"a"}, 1);
  REQUIRE(pem);
  const auto split = tailnet::split_pair(pair_of(*pem));
  REQUIRE(split);
  CHECK(*split == *pem);
  CHECK_FALSE(tailnet::split_pair(pem->chain));
  CHECK_FALSE(tailnet::split_pair(pem->key));
  CHECK_FALSE(tailnet::split_pair(""));
}

TEST_CASE("host: a certificate is got, and renewed in time") {
  Fixture fixture(2ms);
  const auto first = make_self_signed({"web.t.ts.net"}, 1);
  const auto second = make_self_signed({"web.t.ts.net"}, 90);
  fixture.certificates = {http_answer(200, pair_of(*first)), http_answer(200, pair_of(*second))};
  auto server = TlsServer::make({}, {});
  REQUIRE(server);
  int ready = 0;
  fixture.host.keep_certificates({"web.t.ts.net"}, *server, [&] { ++ready; });
  REQUIRE(fixture.loop.run_until([&] { return fixture.log.count("tailnet_certificate ") == 2; }));
  CHECK(ready == 1);
  CHECK(fixture.asked[0] == "GET /localapi/v0/cert/web.t.ts.net?type=pair");
  CHECK(fixture.asked[1] == "GET /localapi/v0/cert/web.t.ts.net?type=pair&min_validity=720h");
  CHECK((*server)->describe().size() == 1);
}

TEST_CASE("host: without a new certificate the old one goes on, and it is tried again") {
  Fixture fixture(2ms);
  const auto pem = make_self_signed({"web.t.ts.net"}, 1);
  fixture.certificates = {http_answer(500, "no"), http_answer(200, pair_of(*pem)),
                          http_answer(200, "rubbish")};
  auto server = TlsServer::make({}, {});
  REQUIRE(server);
  fixture.host.keep_certificates({"web.t.ts.net"}, *server, {});
  REQUIRE(fixture.loop.run_until([&] { return fixture.log.count("tailnet_certificate_failed") >= 3; }));
  CHECK(fixture.log.lines[0] ==
        "tailnet_certificate_failed domain=web.t.ts.net reason=tailscaled answered cert with 500: no "
        "retry_in=1s "
        "kept=none");
  CHECK(
      fixture.log.count("tailnet_certificate_failed domain=web.t.ts.net reason=tailscaled's answer holds no "
                        "certificate") >= 1);
  CHECK(fixture.log.lines.back().ends_with("kept=the one before"));
  CHECK((*server)->describe().size() == 1);
}

TEST_CASE("host: the authority's word on when to come back counts") {
  Fixture fixture;
  fixture.certificates = {http_answer(429, "too many", "Retry-After: 7200\r\n")};
  auto server = TlsServer::make({}, {});
  fixture.host.keep_certificates({"web.t.ts.net"}, *server, {});
  REQUIRE(fixture.loop.run_until([&] { return !fixture.log.lines.empty(); }));
  CHECK(fixture.log.lines[0].contains("retry_in=7200s"));
}

TEST_CASE("host: a port with two names shows each certificate as it comes") {
  Fixture fixture;
  const auto pem = make_self_signed({"any"}, 1);
  fixture.certificates = {http_answer(200, pair_of(*pem))};
  auto server = TlsServer::make({}, {});
  auto other = TlsServer::make({}, {});
  int ready = 0;
  fixture.host.keep_certificates({"a.t", "b.t"}, *server, [&] {
    // From within: a port that needs the same one.
    if (++ready == 1) fixture.host.keep_certificates({"a.t"}, *other, [&] { ++ready; });
  });
  REQUIRE(fixture.loop.run_until([&] { return fixture.asked.size() == 2 && ready == 2; }));
  CHECK((*other)->describe().size() == 1);
}

TEST_CASE("host: closing in the middle of everything leaves nothing behind") {
  Fixture fixture;
  auto server = TlsServer::make({}, {});
  fixture.start();
  fixture.host.keep_certificates({"a.t"}, *server, {});
  fixture.host.advertise("svc:a", {{443, "127.0.0.1:1"}});
  fixture.close();
  CHECK(fixture.seen.empty());
}
