#include "tailnet/whois_cache.hpp"

#include <map>
#include <optional>
#include <vector>

#include "proxy/loop_fixture.hpp"
#include "support/fake_clock.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace evenkeel::tailnet;
using namespace evenkeel::test;
using namespace std::chrono_literals;

namespace {

std::string whois_of(std::string_view login) {
  return http_answer(200,
                     R"({"Node":{"Name":"n."},"UserProfile":{"LoginName":")" + std::string(login) + "\"}}");
}

struct Fixture {
  testing::Loop loop;
  Directory directory;
  FakeClock clock;
  WhoisCacheOptions options;
  std::optional<StandIn> server;
  std::optional<WhoisCache> made;
  bool holds = false;  // the stand-in answers only when told
  std::string says = whois_of("alice@example.com");
  std::vector<std::string> answers;  // logins, "?" for nobody, or the name of the error

  Fixture() {
    server.emplace(loop.get(), directory.socket(), [this](StandIn::Peer& peer) {
      if (!holds) peer.answer(says);
    });
  }

  WhoisCache& cache() {
    if (!made) made.emplace(LocalApi(loop.get(), tailnet::tailscaled_at(directory.socket())), clock, options);
    return *made;
  }
  static std::string text_of(const IdentitySource::Answer& answer) {
    if (!answer.who) return std::string(to_string(answer.who.error().code));
    return *answer.who ? (*answer.who)->login : "?";
  }
  IdentitySource::Query ask(std::string_view ip, std::uint16_t port = 1) {
    return cache().identify(ip, port, [this](const auto& answer) { answers.push_back(text_of(answer)); });
  }
  // Asks and waits; an empty text when the answer was there at once.
  std::string answer_from_loop(std::string_view ip, std::uint16_t port = 1) {
    const std::size_t before = answers.size();
    const IdentitySource::Query query = ask(ip, port);
    if (query == nullptr) return "";
    REQUIRE(answers.size() == before);
    REQUIRE(loop.run_until([&] { return answers.size() > before; }));
    return answers.back();
  }
  bool is_known(std::string_view ip, std::uint16_t port = 1) {
    const std::size_t before = answers.size();
    const IdentitySource::Query query = ask(ip, port);
    CHECK((query == nullptr) == (answers.size() > before));
    return query == nullptr;
  }
  bool asked(std::size_t count) {
    return loop.run_until([&] { return server->requests() == count; });
  }
  void answer_all() {
    for (StandIn::Peer& peer : server->peers()) {
      if (peer.asked && peer.fd) peer.answer(says);
    }
  }
};

}  // namespace

TEST_CASE("an answer is kept for its time, whatever the port") {
  Fixture fixture;
  CHECK(fixture.answer_from_loop("100.64.0.7", 1'000) == "alice@example.com");
  CHECK(fixture.server->peers().front().is("GET /localapi/v0/whois?proto=tcp&addr=100.64.0.7 HTTP/1.1\r\n"));
  fixture.clock.advance(29'999ms);
  CHECK(fixture.is_known("100.64.0.7", 2'000));
  CHECK(fixture.answers.back() == "alice@example.com");
  CHECK(fixture.is_known("::ffff:100.64.0.7"));
  CHECK(fixture.server->requests() == 1);
  fixture.says = whois_of("bob@example.com");
  fixture.clock.advance(1ms);
  CHECK(fixture.answer_from_loop("100.64.0.7") == "bob@example.com");
  CHECK(fixture.server->requests() == 2);
  CHECK(fixture.answer_from_loop("fd7a:115c:a1e0::7") == "bob@example.com");
  CHECK(fixture.is_known("fd7a:115c:a1e0:0::7", 9));
}

TEST_CASE("nobody is kept shorter, an error only for a moment") {
  Fixture fixture;
  fixture.says = http_answer(404, "no match for IP:port\n");
  CHECK(fixture.answer_from_loop("100.64.0.7") == "?");
  fixture.clock.advance(1'999ms);
  CHECK(fixture.is_known("100.64.0.7"));
  fixture.clock.advance(1ms);
  CHECK_FALSE(fixture.is_known("100.64.0.7"));

  fixture.says = http_answer(500, "broken\n");
  CHECK(fixture.answer_from_loop("100.64.0.8") == "unexpected_status");
  CHECK(fixture.cache().last_error() == "tailscaled answered whois with 500: broken");
  CHECK(fixture.is_known("100.64.0.8"));
  fixture.clock.advance(200ms);
  fixture.says = whois_of("alice@example.com");
  CHECK(fixture.answer_from_loop("100.64.0.8") == "alice@example.com");
  CHECK(fixture.cache().last_error().empty());
}

TEST_CASE("an answer that makes no sense is an error, not nobody") {
  Fixture fixture;
  fixture.says = http_answer(200, "{}");
  CHECK(fixture.answer_from_loop("100.64.0.7") == "bad_response");
  fixture.says = "garbage\r\n\r\n";
  CHECK(fixture.answer_from_loop("100.64.0.8") == "bad_response");
  fixture.says = http_answer(403, "whois access denied");
  CHECK(fixture.answer_from_loop("100.64.0.9") == "permission_denied");
  fixture.server.reset();
  CHECK(fixture.answer_from_loop("100.64.0.10") == "connect_refused");
}

TEST_CASE("behind loopback is somebody else each time") {
  for (const std::string_view ip : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    INFO(ip);
    Fixture fixture;
    CHECK(fixture.answer_from_loop(ip, 1'000) == "alice@example.com");
    CHECK(fixture.server->peers().front().has("%3A1000 HTTP/1.1"));
    fixture.says = whois_of("bob@example.com");
    CHECK(fixture.answer_from_loop(ip, 1'001) == "bob@example.com");
    CHECK(fixture.answer_from_loop(ip, 1'000) == "bob@example.com");  // the port has been used again
    CHECK(fixture.server->requests() == 3);
    CHECK(fixture.cache().size() == 0);
  }
  // At the same time, too.
  Fixture fixture;
  fixture.holds = true;
  const auto one = fixture.ask("127.0.0.1", 1'000);
  const auto other = fixture.ask("127.0.0.1", 1'001);
  CHECK(fixture.asked(2));
}

TEST_CASE("who is neither on the tailnet nor on loopback is nobody, and not asked about") {
  Fixture fixture;
  for (const std::string_view ip : {"192.168.1.5", "8.8.8.8", "100.63.255.255", "100.128.0.0",
                                    "fd7a:115c:a1e1::1", "2001:db8::1", "::2"}) {
    INFO(ip);
    CHECK(fixture.is_known(ip));
    CHECK(fixture.answers.back() == "?");
  }
  CHECK(fixture.is_known("127.0.0.1", 0));
  CHECK(fixture.server->requests() == 0);

  Fixture with_tun;
  with_tun.options.loopback = false;
  CHECK(with_tun.is_known("127.0.0.1", 1'000));
  CHECK(with_tun.is_known("::1", 1'000));
  CHECK(with_tun.answers == std::vector<std::string>{"?", "?"});
  CHECK(with_tun.answer_from_loop("100.64.0.7") == "alice@example.com");
  CHECK(with_tun.server->requests() == 1);
}

TEST_CASE("who asks at the same time shares a request") {
  Fixture fixture;
  fixture.holds = true;
  std::vector<IdentitySource::Query> queries;
  for (std::uint16_t port = 1; port <= 10; ++port) queries.push_back(fixture.ask("100.64.0.7", port));
  REQUIRE(fixture.asked(1));
  queries.push_back(fixture.ask("100.64.0.7"));
  queries[3].reset();
  fixture.answer_all();
  REQUIRE(fixture.loop.run_until([&] { return fixture.answers.size() == 10; }));
  CHECK(fixture.answers == std::vector<std::string>(10, "alice@example.com"));
  CHECK(fixture.server->requests() == 1);
}

TEST_CASE("requests under way and addresses that wait are bounded") {
  Fixture fixture;
  fixture.options.under_way = 2;
  fixture.options.queued = 2;
  fixture.holds = true;
  std::vector<IdentitySource::Query> queries;
  for (const std::string_view ip : {"100.64.0.1", "100.64.0.2", "100.64.0.3", "100.64.0.4"}) {
    queries.push_back(fixture.ask(ip));
    CHECK(queries.back() != nullptr);
  }
  REQUIRE(fixture.asked(2));
  CHECK(fixture.ask("100.64.0.5") == nullptr);
  CHECK(fixture.answers == std::vector<std::string>{"over_limit"});
  queries.push_back(fixture.ask("100.64.0.4"));  // one that waits already: no place of its own
  CHECK(queries.back() != nullptr);
  queries[2].reset();  // 100.64.0.3: nobody waits for it any more, it is not asked about
  fixture.answer_all();
  REQUIRE(fixture.asked(3));
  CHECK(fixture.server->peers().back().has("100.64.0.4"));
  fixture.answer_all();
  REQUIRE(fixture.loop.run_until([&] { return fixture.answers.size() == 5; }));
  CHECK(fixture.server->requests() == 3);
  CHECK(fixture.cache().size() == 3);
  CHECK_FALSE(fixture.is_known("100.64.0.3"));
}

TEST_CASE("what was used longest ago is forgotten first") {
  Fixture fixture;
  fixture.options.entries = 3;
  for (const std::string_view ip : {"100.64.0.1", "100.64.0.2", "100.64.0.3"}) fixture.answer_from_loop(ip);
  CHECK(fixture.is_known("100.64.0.1"));
  fixture.answer_from_loop("100.64.0.4");
  CHECK(fixture.cache().size() == 3);
  CHECK(fixture.is_known("100.64.0.1"));
  CHECK(fixture.is_known("100.64.0.3"));
  CHECK(fixture.is_known("100.64.0.4"));
  CHECK_FALSE(fixture.is_known("100.64.0.2"));
}

TEST_CASE("many addresses do not make it grow") {
  Fixture fixture;
  fixture.options.entries = 100;
  for (int i = 0; i < 1'000; ++i) {
    const std::string ip = "100.64." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    REQUIRE(fixture.answer_from_loop(ip) == "alice@example.com");
    REQUIRE(fixture.cache().size() <= 100);
    fixture.server->peers().clear();
  }
}

TEST_CASE("what is no address is told at once") {
  Fixture fixture;
  for (const std::string_view ip : {"", "localhost", "100.64.0.7:80", "[::1]", "100.64.0"}) {
    CHECK(fixture.ask(ip) == nullptr);
    CHECK(fixture.answers.back() == "invalid_argument");
  }
}

TEST_CASE("a question may go before its answer, with it, and after its source") {
  Fixture fixture;
  fixture.holds = true;
  {
    const auto query = fixture.ask("100.64.0.7");
  }
  REQUIRE(fixture.asked(1));
  fixture.answer_all();
  REQUIRE(fixture.loop.run_until([&] { return fixture.is_known("100.64.0.7"); }));  // kept all the same
  const std::size_t before = fixture.answers.size();

  // From within its own callback, and another's from within it.
  IdentitySource::Query one;
  IdentitySource::Query other;
  int called = 0;
  const auto drop_both = [&, guard = std::make_shared<int>(7)](const auto&) {
    ++called;
    one.reset();
    other.reset();
    CHECK(*guard == 7);
  };
  one = fixture.cache().identify("100.64.0.8", 1, drop_both);
  other = fixture.cache().identify("100.64.0.8", 2, drop_both);
  REQUIRE(fixture.asked(2));
  fixture.answer_all();
  REQUIRE(fixture.loop.run_until([&] { return called != 0; }));
  CHECK(called == 1);

  const auto waiting = fixture.ask("100.64.0.9");
  REQUIRE(fixture.asked(3));
  fixture.made.reset();
  CHECK(fixture.loop.run_until([&] { return fixture.server->open() == 0; }));
  CHECK(fixture.answers.size() == before);
}

TEST_CASE("a callback may ask again") {
  Fixture fixture;
  std::vector<std::string> got;
  IdentitySource::Query next;
  const auto first = fixture.cache().identify("100.64.0.1", 1, [&](const auto& answer) {
    got.push_back(Fixture::text_of(answer));
    next = fixture.cache().identify("100.64.0.2", 1, [&](const auto& second) {
      got.push_back(Fixture::text_of(second));
      // Known by now: within this very call.
      CHECK(fixture.cache().identify("100.64.0.1", 1, [&](const auto& third) {
        got.push_back(Fixture::text_of(third));
      }) == nullptr);
    });
  });
  REQUIRE(fixture.loop.run_until([&] { return got.size() == 3; }));
  CHECK(got == std::vector<std::string>(3, "alice@example.com"));
}
