#include "evenkeel/dns_discovery.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "discovery/followed_name.hpp"
#include "net/fd.hpp"
#include "proxy/loop_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::discovery;
using evenkeel::testing::Loop;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

LogSink silent;

std::vector<Target> targets(std::initializer_list<std::string_view> urls) {
  std::vector<Target> all;
  for (const std::string_view url : urls) all.push_back(*Target::parse(url));
  return all;
}

std::vector<std::string> ids(const std::vector<Target>& all) {
  std::vector<std::string> texts;
  for (const Target& each : all) texts.push_back(each.id());
  return texts;
}

// A DNS server that answers whatever it is asked with the same bytes behind the identity of the question.
class Babbler {
 public:
  explicit Babbler(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
  // Answers who has asked by now.
  void turn() {
    char question[512];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    while (::recvfrom(fd_.get(), question, sizeof question, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from),
                      &length) > 2) {
      ++asked;
      const std::string reply = std::string(question, 2) + answer_;
      (void)::sendto(fd_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  int asked = 0;

 private:
  net::Fd fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
  std::string answer_;
};

std::unique_ptr<DnsDiscovery> make(Loop& loop, DnsOptions options, DnsDiscovery::Changed changed) {
  auto made = DnsDiscovery::make(loop.get(), std::move(options), silent, std::move(changed));
  REQUIRE(made);
  return *std::move(made);
}

}  // namespace

TEST_CASE("each record of a service is an endpoint, its priority a tier") {
  const auto endpoints =
      endpoints_of({{"a.x", 80, 10, 5}, {"b.x", 81, 10, 0}, {"c.x", 82, 90, 7}},
                   {{"a.x", {"10.0.0.1", "10.0.0.2"}}, {"b.x", {"10.0.0.3"}}, {"c.x", {"10.0.0.4"}}});
  REQUIRE(endpoints.size() == 4);
  CHECK(endpoints[0] == Endpoint{0, "10.0.0.1", 80, "a.x", 5});
  CHECK(endpoints[1] == Endpoint{0, "10.0.0.2", 80, "a.x", 5});
  CHECK(endpoints[2] == Endpoint{0, "10.0.0.3", 81, "b.x", 1});
  CHECK(endpoints[3] == Endpoint{1, "10.0.0.4", 82, "c.x", 7});
}

TEST_CASE("a host of a service without an address has no part in it") {
  const auto endpoints = endpoints_of({{"a.x", 80, 1, 1}, {"b.x", 80, 1, 1}}, {{"b.x", {"10.0.0.3"}}});
  REQUIRE(endpoints.size() == 1);
  CHECK(endpoints[0].host == "b.x");
}

TEST_CASE("what is no name is itself") {
  Loop loop;
  const auto dns = make(loop, {.servers = {"127.0.0.1:1"}}, [] { FAIL("nothing is asked"); });
  const auto all =
      targets({"http://10.0.0.1:80", "http://[::1]:80", "unix:/run/x.sock", "http://localhost:80"});
  dns->follow(all);
  CHECK(dns->expand(all) == all);
  CHECK_FALSE(dns->is_waiting(all));
}

TEST_CASE("a name is itself until it has an answer, and a service nothing") {
  Loop loop;
  int changes = 0;
  // Nobody listens there, so it fails at once.
  auto dns = make(loop, {.servers = {"127.0.0.1:1"}}, [&] { ++changes; });
  const auto all = targets({"http://web.test:80", "srv+http://_web._tcp.test"});
  dns->follow(all);
  CHECK(dns->is_waiting(all));
  CHECK(ids(dns->expand(all)) == std::vector<std::string>{"http://web.test:80"});
  CHECK(loop.run_until([&] { return changes == 2; }));
  CHECK_FALSE(dns->is_waiting(all));
  CHECK(ids(dns->expand(all)) == std::vector<std::string>{"http://web.test:80"});
}

TEST_CASE("a name that is not wanted any more is forgotten while it is asked for") {
  Loop loop;
  Babbler quiet("");
  const auto dns = make(loop, {.servers = {quiet.place()}}, [] { FAIL("nobody wants it"); });
  const auto all = targets({"http://web.test:80"});
  dns->follow(all);
  dns->follow({});
  CHECK_FALSE(dns->is_waiting(all));
  CHECK(dns->expand(all) == all);
}

TEST_CASE("an answer that is none is a failure, and is asked for again") {
  for (const std::string& answer :
       {""s, "\x81\x80"s, std::string(10, '\xff'), std::string(500, '\0'),
        "\x81\x80\0\1\0\1\0\0\0\0\3web\4test\0\0\1\0\1\xc0\xff\0\1\0\1\0\0\0\0\0\4"s}) {
    CAPTURE(answer.size());
    Loop loop;
    Babbler babbler(answer);
    int changes = 0;
    auto dns = make(loop, {.servers = {babbler.place()}, .timeout = 50ms, .min_ttl = 1ms, .max_ttl = 1ms},
                    [&] { ++changes; });
    const auto all = targets({"http://web.test:80", "srv+tcp://_web._tcp.test"});
    dns->follow(all);
    CHECK(loop.run_until([&] { return babbler.turn(), changes == 2; }));
    const int asked = babbler.asked;
    CHECK(loop.run_until([&] { return babbler.turn(), babbler.asked > asked; }));
    CHECK(ids(dns->expand(all)) == std::vector<std::string>{"http://web.test:80"});
  }
}

TEST_CASE("a server that is no address is refused") {
  Loop loop;
  const auto made = DnsDiscovery::make(loop.get(), {.servers = {"dns.example:53"}}, silent, [] {});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::invalid_argument);
}
