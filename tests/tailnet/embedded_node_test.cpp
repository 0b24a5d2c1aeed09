#include "tailnet/embedded_node.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "proxy/loop_fixture.hpp"
#include "tailnet/fake_node.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace evenkeel::test;
using namespace std::chrono_literals;

namespace {

struct Lines final : LogSink {
  std::vector<std::string> all;
  void log(LogLevel, std::string_view event, std::span<const LogField> fields) noexcept override {
    std::string line(event);
    for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    all.push_back(std::move(line));
  }
  [[nodiscard]] bool have(std::string_view text) const {
    return std::ranges::any_of(all, [&](const std::string& line) { return line.contains(text); });
  }
};

struct NodeFixture {
  testing::Loop loop;
  SteadyClock clock;
  FakeNode other;
  Lines log;
  TailnetNodeOptions options;
  std::vector<TailnetNodeStatus> seen;
  std::unique_ptr<TailnetNode> node;

  NodeFixture() {
    options.spec.hostname = "app";
    options.spec.state_dir = "/state";
    options.first_retry = 1ms;
    options.last_retry = 4ms;
    options.first_cert_retry = 1ms;
  }
  void start() {
    node = std::make_unique<TailnetNode>(std::make_unique<TailnetNode::Impl>(
        loop.get(), options, FakeNode::calls(), log,
        [this](const TailnetNodeStatus& status) { seen.push_back(status); }));
    node->start();
  }
  bool started(int times) {
    return loop.run_until([&] { return other.started >= times; });
  }
  bool is(TailnetState state) {
    return loop.run_until([&] { return !seen.empty() && seen.back().state == state; });
  }
  void come_up() {
    start();
    REQUIRE(started(1));
    other.tell_running();
    REQUIRE(is(TailnetState::running));
  }
  void close() {
    bool closed = false;
    node->close([&] { closed = true; });
    CHECK_FALSE(closed);
    REQUIRE(loop.run_until([&] { return closed; }));
    node.reset();
  }
  // Whether nothing happens for some turns that an event at hand would take.
  void settle() {
    bool over = false;
    uv_timer_t timer;
    uv_timer_init(loop.get(), &timer);
    timer.data = &over;
    uv_timer_start(&timer, [](uv_timer_t* it) { *static_cast<bool*>(it->data) = true; }, 20, 0);
    loop.run_until([&] { return over; });
    bool gone = false;
    timer.data = &gone;
    uv_close(reinterpret_cast<uv_handle_t*>(&timer),
             [](uv_handle_t* it) { *static_cast<bool*>(it->data) = true; });
    loop.run_until([&] { return gone; });
  }
};

std::string certificate_event(long id, const CertificatePem& pem) {
  std::string text = pem.key + pem.chain;
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return R"({"event":"cert","id":)" + std::to_string(id) + R"(,"pem":")" + escaped + "\"}";
}

std::shared_ptr<TlsServer> empty_server() {
  return *TlsServer::make({}, {});
}

}  // namespace

TEST_CASE("a node comes up, and says who it is") {
  NodeFixture world;
  world.options.spec.tags = {"tag:web"};
  world.options.spec.control_url = "http://control.example";
  world.start();
  REQUIRE(world.started(1));
  REQUIRE(world.other.made.size() == 1);
  CHECK(world.other.made[0] ==
        R"({"hostname":"app","stateDir":"/state","ephemeral":false,)"
        R"("controlUrl":"http://control.example","tags":["tag:web"],"verbose":false})");
  CHECK(world.is(TailnetState::starting));
  world.other.tell(R"({"event":"state","state":"NeedsLogin","authUrl":"https://login.example/a/1"})");
  REQUIRE(world.is(TailnetState::needs_login));
  CHECK(world.seen.back().login_url == "https://login.example/a/1");
  CHECK(world.log.have("log in at https://login.example/a/1"));
  world.other.tell("not JSON");
  world.other.tell(R"({"event":"later","than":"this version"})");
  world.other.tell(std::string(70'000, 'x'));
  world.other.tell_running();
  REQUIRE(world.is(TailnetState::running));
  CHECK(world.node->status().dns_name == "app.example.ts.net");
  CHECK(world.node->status().addresses == std::vector<std::string>{"100.64.0.1", "fd7a:115c:a1e0::1"});
  world.other.tell_running();  // told again, nothing has changed
  world.settle();
  CHECK(world.seen.size() == 3);
  CHECK(world.other.started == 1);
  world.close();
  CHECK(world.other.closed == 1);
}

TEST_CASE("a start that failed is tried again, later each time") {
  NodeFixture world;
  world.start();
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(world.started(i));
    world.other.tell(R"({"event":"state","state":"Failed","error":"no )" + std::to_string(i) + "\"}");
  }
  REQUIRE(world.started(6));
  CHECK(world.log.have("state=failed details=no 5"));
  CHECK(world.other.made.size() == 1);  // listeners and all stay
  world.close();
}

TEST_CASE("a start that takes too long is begun anew; waiting for a person is none") {
  NodeFixture world;
  world.options.start_limit = 20ms;
  world.start();
  REQUIRE(world.started(1));
  world.other.tell(R"({"event":"state","state":"Starting","health":["no network"]})");
  REQUIRE(world.started(2));
  CHECK(world.log.have("no network"));
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  REQUIRE(world.is(TailnetState::needs_login));
  world.settle();
  world.settle();
  CHECK(world.other.started == 2);
  world.close();
}

TEST_CASE("a node that has lost its login is started at once with the key as it is by then") {
  NodeFixture world;
  const Directory directory;
  const std::string path = directory.socket() + ".key";
  std::ofstream(path) << "tskey-auth-first\n";
  world.options.spec.auth_key = "file:" + path;
  world.options.first_retry = world.options.last_retry = std::chrono::hours(1);
  world.come_up();
  std::ofstream(path) << "tskey-auth-second\n";
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  REQUIRE(world.started(2));
  CHECK(world.other.keys.back() == "tskey-auth-second");
  CHECK(world.log.have("state=needs_login details=its login is not valid any more"));
  // What the start before has told last says nothing of this one.
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  world.other.tell(R"({"event":"state","state":"Starting"})");
  world.other.tell_running();
  REQUIRE(world.is(TailnetState::running));
  // Not at once where the last login did not last.
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  REQUIRE(world.is(TailnetState::needs_login));
  world.settle();
  CHECK(world.other.started == 2);
  world.close();
}

TEST_CASE("a login that is lost again and again is tried later each time") {
  NodeFixture world;
  ::setenv("EVENKEEL_TEST_KEY", "tskey-auth-b2", 1);
  world.options.spec.auth_key = "env:EVENKEEL_TEST_KEY";
  world.start();
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(world.started(i));
    world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  }
  CHECK(world.started(6));
  world.close();
  ::unsetenv("EVENKEEL_TEST_KEY");
}

TEST_CASE("without the key that the spec promises a person may log the node in") {
  NodeFixture world;
  const Directory directory;
  const std::string path = directory.socket() + ".key";
  std::ofstream(path) << "tskey-auth-once\n";
  world.options.spec.auth_key = "file:" + path;
  world.come_up();
  std::remove(path.c_str());
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  REQUIRE(world.started(2));
  CHECK(world.other.keys.back().empty());
  world.other.tell(R"({"event":"state","state":"NeedsLogin"})");
  world.other.tell(R"({"event":"state","state":"NeedsLogin","authUrl":"https://login.example/a/2"})");
  REQUIRE(world.loop.run_until([&] { return world.seen.back().login_url == "https://login.example/a/2"; }));
  world.settle();
  CHECK(world.other.started == 2);
  world.close();
}

TEST_CASE("a key that was put right is used, and no key is told to anybody") {
  NodeFixture world;
  const Directory directory;
  const std::string path = directory.socket() + ".key";
  world.options.spec.auth_key = "file:" + path;
  world.start();
  REQUIRE(world.is(TailnetState::failed));
  CHECK(world.seen.back().error.contains(path));
  CHECK(world.other.made.empty());
  std::ofstream(path) << "tskey-auth-wrong\n";
  REQUIRE(world.started(1));
  world.other.tell(R"({"event":"state","state":"Failed","error":"invalid key"})");
  REQUIRE(world.started(2));
  std::ofstream(path) << "tskey-auth-right\n";
  world.other.tell(R"({"event":"state","state":"Failed","error":"invalid key"})");
  REQUIRE(world.started(3));
  CHECK(world.other.keys ==
        std::vector<std::string>{"tskey-auth-wrong", "tskey-auth-wrong", "tskey-auth-right"});
  CHECK(world.other.made.size() == 1);  // listeners and all stay
  world.other.tell_running();
  REQUIRE(world.is(TailnetState::running));
  world.close();
  CHECK_FALSE(world.log.have("tskey"));
}

TEST_CASE("a node that has been up takes a new key, and does without one that has gone") {
  NodeFixture world;
  const Directory directory;
  const std::string path = directory.socket() + ".key";
  std::ofstream(path) << "tskey-auth-first\n";
  world.options.spec.auth_key = "file:" + path;
  world.come_up();
  std::ofstream(path) << "tskey-auth-second\n";
  world.other.tell(R"({"event":"state","state":"Failed","error":"expired"})");
  REQUIRE(world.started(2));
  CHECK(world.other.keys.back() == "tskey-auth-second");
  std::remove(path.c_str());
  world.other.tell(R"({"event":"state","state":"Failed","error":"no network"})");
  REQUIRE(world.started(3));
  CHECK(world.other.keys.back().empty());
  CHECK(world.other.made.size() == 1);
  world.close();
}

TEST_CASE("ports of a node, and those that cannot be") {
  NodeFixture world;
  world.come_up();
  const net::Fd tcp(world.node->listen(80, TailnetReach::tailnet).value());
  const net::Fd funnel(world.node->listen(443, TailnetReach::internet).value());
  const net::Fd udp(world.node->listen_packet(53).value());
  CHECK(world.other.listeners == std::vector<std::pair<int, int>>{{80, 0}, {443, 1}, {53, -1}});
  world.other.tell(R"({"event":"listen","id":1,"port":80})");
  world.other.tell(R"({"event":"listen","id":2,"error":"not allowed for funnel"})");
  world.other.tell(R"({"event":"drops","id":3,"toHost":7,"fromHost":0})");
  CHECK(world.loop.run_until(
      [&] { return world.log.have("tailnet_datagrams_lost node=app port=53 to_host=7 from_host=0"); }));
  CHECK(world.log.have("tailnet_cannot_listen node=app port=443 reason=not allowed for funnel"));
  CHECK(world.node->listen_error(80).empty());
  CHECK(world.node->listen_error(443) == "not allowed for funnel");
  CHECK(world.node->listen_packet_error(443).empty());
  world.other.tell(R"({"event":"listen","id":2,"port":443})");
  CHECK(world.loop.run_until([&] { return world.node->listen_error(443).empty(); }));
  world.close();
}

TEST_CASE("who a client is, asked from another loop") {
  NodeFixture world;
  world.come_up();
  testing::Loop worker;
  // A source alone is no reason for its loop to go on.
  uv_async_t reason;
  uv_async_init(worker.get(), &reason, nullptr);
  auto source = world.node->identities(worker.get(), world.clock);
  std::vector<std::string> answers;
  const auto ask = [&](std::string_view ip) {
    return source->identify(ip, 1, [&](const IdentitySource::Answer& answer) {
      const IdentitySource::Who& who = answer.who;
      answers.push_back(!who ? "error" : *who == nullptr ? "?" : (*who)->name + (*who)->login);
    });
  };
  const auto query = ask("100.64.0.2");
  const auto tagged = ask("fd7a:115c:a1e0::2");
  const auto forgotten = ask("100.64.0.9");
  const auto unknown = ask("100.64.0.3");
  const auto broken = ask("100.64.0.4");
  REQUIRE(world.other.asked.size() == 5);
  CHECK(world.other.asked[0].second == "100.64.0.2:0");
  CHECK(world.other.asked[1].second == "[fd7a:115c:a1e0::2]:0");
  const auto tell = [&](std::size_t index, std::string_view rest) {
    world.other.tell(R"({"event":"whois","id":)" + std::to_string(world.other.asked[index].first) +
                     std::string(rest) + "}");
  };
  tell(0,
       R"(,"found":true,"login":"ana@example.com","displayName":"Aña","nodeName":"laptop.example.ts.net")");
  tell(1, R"(,"found":true,"nodeName":"robot.example.ts.net","tags":["tag:ci"])");
  tell(3, R"(,"found":false)");
  tell(4, R"(,"error":"not up")");
  world.settle();
  REQUIRE(worker.run_until([&] { return answers.size() == 4; }));
  CHECK(answers == std::vector<std::string>{"Añaana@example.com", "", "?", "error"});
  CHECK(ask("100.64.0.2") == nullptr);  // kept
  CHECK(ask("127.0.0.1") == nullptr);   // nobody
  CHECK(world.other.asked.size() == 5);
  answers.clear();
  world.close();  // what was not answered never will be
  CHECK(worker.run_until([&] { return answers.size() == 1; }));
  CHECK(answers == std::vector<std::string>{"error"});
  const auto late = ask("100.64.0.77");
  CHECK(worker.run_until([&] { return answers.size() == 2; }));
  source.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&reason), nullptr);
}

TEST_CASE("https ports show the certificate of the node, and are told when they have it") {
  NodeFixture world;
  world.options.renew = 30ms;
  world.start();
  REQUIRE(world.started(1));
  const auto server = empty_server();
  const auto second = empty_server();
  int ready = 0;
  world.node->serve_certificate(server, [&] { ++ready; });
  world.settle();
  CHECK(world.other.wanted.empty());  // it is not up
  world.other.tell_running();
  const auto wanted = [&](std::size_t count) {
    return world.loop.run_until([&] { return world.other.wanted.size() == count; });
  };
  REQUIRE(wanted(1));
  CHECK(world.other.wanted[0].second == "app.example.ts.net");
  world.node->serve_certificate(second, [&] { ++ready; });
  const auto fail = [&](std::string_view more) {
    world.other.tell(R"({"event":"cert","id":)" + std::to_string(world.other.wanted.back().first) +
                     R"(,"error":"the CA is busy")" + std::string(more) + "}");
  };
  fail("");
  REQUIRE(wanted(2));
  fail(R"(,"retryAfter":0)");
  REQUIRE(wanted(3));
  CHECK(ready == 0);
  CHECK(world.log.have("tailnet_certificate_failed node=app reason=the CA is busy"));
  const CertificatePem pem = *make_self_signed({"app.example.ts.net"}, 30);
  world.other.tell(certificate_event(world.other.wanted.back().first, pem));
  REQUIRE(world.loop.run_until([&] { return ready == 2; }));
  CHECK(server->describe().at(0).starts_with("app.example.ts.net"));
  CHECK(second->describe() == server->describe());
  REQUIRE(wanted(4));  // looked after
  fail(R"(,"retryAfter":3600)");
  world.settle();
  world.settle();
  CHECK(world.other.wanted.size() == 4);  // the CA is left in peace
  CHECK(server->describe().size() == 1);  // and what was there stays
  world.close();
}

TEST_CASE("a tailnet without HTTPS is told of once") {
  NodeFixture world;
  world.start();
  REQUIRE(world.started(1));
  world.node->serve_certificate(empty_server(), [] {});
  for (const char* name : {"app", "app-1"}) {
    world.other.tell(R"({"event":"state","state":"Running","dnsName":")" + std::string(name) + "\"}");
  }
  REQUIRE(world.loop.run_until([&] { return world.seen.back().dns_name == "app-1"; }));
  CHECK(std::ranges::count_if(world.log.all,
                              [](const std::string& line) { return line.contains("turn on HTTPS"); }) == 1);
  world.close();
}

TEST_CASE("close() waits until nothing is left of the node, and may come from the status callback") {
  NodeFixture world;
  world.come_up();
  world.other.ends_at_once = false;
  bool closed = false;
  world.node->close([&] { closed = true; });
  world.other.tell_running();  // heard no more
  world.settle();
  CHECK_FALSE(closed);
  world.other.stream.reset();
  REQUIRE(world.loop.run_until([&] { return closed; }));
  world.node.reset();

  NodeFixture early;
  early.start();
  early.close();  // before it began
  CHECK(early.other.made.empty());

  NodeFixture within;
  bool gone = false;
  within.node = std::make_unique<TailnetNode>(std::make_unique<TailnetNode::Impl>(
      within.loop.get(), within.options, FakeNode::calls(), within.log,
      [&](const TailnetNodeStatus&) { within.node->close([&] { gone = true; }); }));
  within.node->start();
  CHECK(within.loop.run_until([&] { return gone; }));
}

TEST_CASE("a node that ends by itself is made anew") {
  NodeFixture world;
  world.come_up();
  world.other.stream.reset();
  REQUIRE(world.started(2));
  CHECK(world.other.made.size() == 2);
  world.close();
}

TEST_CASE("a build without the node says so") {
  testing::Loop loop;
  LogSink log;
  const auto node = TailnetNode::make(loop.get(), {}, log, {});
  CHECK(node.has_value() == TailnetNode::available());
  if (!node) CHECK(node.error().contains("-DEVENKEEL_TAILNET_NODE=ON"));
}
