// What a port that asks who its clients are does with the answers.
#include <catch2/catch.hpp>

#include "proxy/client_connection.hpp"
#include "proxy/wire.hpp"

using namespace evenkeel;
using test::Wire;
using test::WirePeer;

namespace {

// Answers when told to, or at once.
class ScriptedSource final : public IdentitySource {
 public:
  class Question final : public Pending {
   public:
    explicit Question(ScriptedSource& source) : source_(source) {}
    ~Question() override { source_.waiting = nullptr; }

   private:
    ScriptedSource& source_;
  };

  Query identify(std::string_view ip, std::uint16_t port, Callback done) noexcept override {
    ++questions;
    asked_about = std::string(ip) + ':' + std::to_string(port);
    if (at_once) {
      done({answer, keep});
      return nullptr;
    }
    waiting = std::move(done);
    return std::make_unique<Question>(*this);
  }
  void reply() {
    const Callback done = waiting;
    done({answer, keep});
  }

  bool at_once = false;
  Who answer = nullptr;
  std::chrono::milliseconds keep{30'000};
  Callback waiting;
  int questions = 0;
  std::string asked_about;
};

std::shared_ptr<const Identity> alice() {
  Identity who;
  who.login = "alice@example.com";
  who.name = "Alice \xc3\x84rmel";
  return std::make_shared<const Identity>(who);
}

struct Port {
  explicit Port(std::initializer_list<std::string_view> allowed = {}, HttpOptions options = {}) {
    options.access_log = true;
    options.identity = source;
    options.identity_headers = IdentityHeaders::tailscale;
    if (allowed.size() != 0) {
      auto list = std::make_shared<AccessList>();
      for (const std::string_view entry : allowed) REQUIRE(list->add(entry));
      options.allow = std::move(list);
    }
    wire = std::make_unique<Wire>(options);
    wire->on_target = [](WirePeer& target) {
      if (target.got.ends_with("\r\n\r\n")) target.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    };
  }
  WirePeer& ask(std::string_view fields = "") {
    WirePeer& client = wire->connect();
    client.say("GET / HTTP/1.1\r\nHost: app\r\n" + std::string(fields) + "\r\n");
    REQUIRE(wire->settle());
    return client;
  }
  [[nodiscard]] std::string seen_by_target() const {
    return wire->upstreams().empty() ? "" : wire->upstreams().back()->got;
  }

  std::shared_ptr<ScriptedSource> source = std::make_shared<ScriptedSource>();
  std::unique_ptr<Wire> wire;
};

}  // namespace

TEST_CASE("a request waits until it is known whose it is, and tells the target") {
  Port port;
  port.source->answer = alice();
  WirePeer& client = port.ask();
  CHECK(port.source->asked_about == "192.0.2.7:51034");
  CHECK(port.seen_by_target().empty());
  port.source->reply();
  REQUIRE(port.wire->settle());
  CHECK(client.got.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(port.seen_by_target().contains("\r\nTailscale-User-Login: alice@example.com\r\n"));
  CHECK(port.seen_by_target().contains("\r\nTailscale-User-Name: =?utf-8?q?Alice_=C3=84rmel?=\r\n"));
  CHECK(port.wire->hang_up());
}

TEST_CASE("an answer that is known already holds nothing up, and one question serves a connection") {
  Port port;
  port.source->at_once = true;
  port.source->answer = alice();
  WirePeer& client = port.ask();
  client.say("GET /again HTTP/1.1\r\nHost: app\r\n\r\n");
  REQUIRE(port.wire->settle());
  CHECK(port.source->questions == 1);
  CHECK(client.got.ends_with("\r\n\r\nok"));
  CHECK(port.seen_by_target().contains("GET /again"));
  CHECK(port.seen_by_target().substr(port.seen_by_target().find("/again")).contains("alice@example.com"));
  CHECK(port.wire->hang_up());
}

TEST_CASE("what a client says of itself does not reach the target, whoever it is") {
  Port port;
  port.source->at_once = true;
  port.source->answer = GENERATE(as<std::shared_ptr<const Identity>>(), nullptr, alice());
  port.ask(
      "tailscale-user-login: root@example.com\r\nTailscale_User_Name: Root\r\nX-Other: kept\r\n"
      "Forwarded: for=1.2.3.4\r\n");
  CHECK_FALSE(port.seen_by_target().contains("oot"));
  CHECK_FALSE(port.seen_by_target().contains("1.2.3.4"));
  CHECK(port.seen_by_target().contains("X-Other: kept\r\n"));
  CHECK(port.wire->hang_up());
}

TEST_CASE("who is not on the list is told so, with the login, and stays outside") {
  Port port({"bob@example.com", "tag:web"});
  port.source->at_once = true;
  port.source->answer = alice();
  WirePeer& client = port.ask();
  CHECK(client.got.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(client.got.contains("alice@example.com"));
  CHECK(port.wire->upstreams().empty());
  REQUIRE(port.wire->records().records().size() == 1);
  CHECK(port.wire->records().records()[0].status == 403);
  CHECK(port.wire->hang_up());
}

TEST_CASE("who is on the list is let in, who is unknown is not") {
  Port port({"*@example.com"});
  port.source->at_once = true;
  port.source->answer = alice();
  CHECK(port.ask().got.starts_with("HTTP/1.1 200"));
  port.source->answer = nullptr;
  CHECK(port.ask().got.starts_with("HTTP/1.1 403"));
  CHECK(port.wire->hang_up());
}

TEST_CASE("when nobody can be asked, a list lets nobody in, for now") {
  const Error error{ErrorCode::system, Fault::us, false, 0};
  Port listed({"*"});
  listed.source->at_once = true;
  listed.source->answer = std::unexpected(error);
  const WirePeer& outside = listed.ask();
  CHECK(outside.got.starts_with("HTTP/1.1 503"));
  CHECK(outside.got.contains("Retry-After: 1\r\n"));
  CHECK(listed.wire->upstreams().empty());
  Port open;
  open.source->at_once = true;
  open.source->answer = std::unexpected(error);
  CHECK(open.ask().got.starts_with("HTTP/1.1 200"));
  CHECK_FALSE(open.seen_by_target().contains("Tailscale-User"));
  CHECK(listed.wire->hang_up());
  CHECK(open.wire->hang_up());
}

TEST_CASE("a connection that is ended while it is asked about takes its question with it") {
  Port port;
  port.ask();
  REQUIRE(port.source->waiting);
  port.wire->core().clients.front()->stop();
  port.wire->core().reactor.end_event();
  CHECK_FALSE(port.source->waiting);
  CHECK(port.wire->hang_up());
}

TEST_CASE("a client that sends its request and its end gets its answer all the same") {
  Port port;
  port.source->answer = alice();
  WirePeer& client = port.ask();
  client.finish();
  REQUIRE(port.wire->settle());
  port.source->reply();
  REQUIRE(port.wire->settle());
  CHECK(client.got.starts_with("HTTP/1.1 200"));
  CHECK(port.wire->hang_up());
}

TEST_CASE("requests that came together are asked about again when the answer has had its time") {
  Port port({"*"});
  port.source->at_once = true;
  port.source->answer = alice();
  port.source->keep = std::chrono::milliseconds(0);
  WirePeer& client = port.wire->connect();
  const auto on_target = port.wire->on_target;
  port.wire->on_target = [&](WirePeer& target) {
    // Time passes, and she is removed, while her first request is at the target.
    port.wire->pass(std::chrono::milliseconds(5));
    port.source->answer = nullptr;
    on_target(target);
  };
  client.say("GET /1 HTTP/1.1\r\nHost: app\r\n\r\nGET /2 HTTP/1.1\r\nHost: app\r\n\r\n");
  REQUIRE(port.wire->settle());
  CHECK(client.got.starts_with("HTTP/1.1 200"));
  CHECK(client.got.contains("HTTP/1.1 403"));
  CHECK(port.source->questions == 2);
  CHECK(port.wire->hang_up());
}

TEST_CASE("requests that came together wait together") {
  Port port;
  port.source->keep = std::chrono::milliseconds(0);
  port.source->answer = alice();
  WirePeer& client = port.wire->connect();
  client.say("GET /1 HTTP/1.1\r\nHost: app\r\n\r\nGET /2 HTTP/1.1\r\nHost: app\r\n\r\n");
  REQUIRE(port.wire->settle());
  port.wire->on_target = [&, on_target = port.wire->on_target](WirePeer& target) {
    port.wire->pass(std::chrono::milliseconds(5));
    on_target(target);
  };
  int replies = 0;
  const auto reply = [&] {
    ++replies;
    port.source->reply();
    REQUIRE(port.wire->settle());
  };
  // An answer that is over before the requests are read is asked for again.
  while (client.got.empty()) reply();
  CHECK(port.source->questions == replies + 1);
  CHECK_FALSE(client.got.ends_with("okHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  reply();
  CHECK(client.got.ends_with("okHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  CHECK(port.source->questions == replies);
  CHECK(port.wire->hang_up());
}
