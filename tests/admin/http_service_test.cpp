#include "evenkeel/http_service.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "net/address.hpp"
#include "net/socket.hpp"
#include "proxy/loop_fixture.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  testing::Loop loop;
  test::Directory directory;
  std::vector<ServiceRequest> requests;
  std::vector<HttpService::Reply> replies;  // of those that are not answered at once
  bool at_once = true;
  ServiceOptions options;
  std::unique_ptr<HttpService> service;

  Fixture() { std::signal(SIGPIPE, SIG_IGN); }
  ~Fixture() {
    if (service) close();
  }
  void start() {
    service = std::make_unique<HttpService>(
        loop.get(),
        [this](ServiceRequest request, HttpService::Reply reply) {
          requests.push_back(std::move(request));
          if (at_once) return reply({.body = "{}", .fields = {{"X-Turn", std::to_string(requests.size())}}});
          replies.push_back(std::move(reply));
        },
        options);
    REQUIRE(service->listen_unix(directory.socket()));
  }
  void close() {
    bool closed = false;
    service->close([&] { closed = true; });
    CHECK(loop.run_until([&] { return closed; }));
    service.reset();
  }
  [[nodiscard]] net::Fd connect() const {
    net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const net::SocketAddress address = *net::unix_address(directory.socket());
    REQUIRE(::connect(fd.get(), address.raw(), address.length) == 0);
    return fd;
  }
  static void say(const net::Fd& fd, std::string_view text) {
    REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  // All that comes until the other side ends.
  std::string hear_all(const net::Fd& fd) {
    std::string heard;
    bool ended = false;
    CHECK(loop.run_until([&] {
      char bytes[4'096];
      ssize_t got = 0;
      while ((got = ::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        heard.append(bytes, static_cast<std::size_t>(got));
      }
      ended = got == 0;
      return ended;
    }));
    return heard;
  }
  std::string exchange(std::string_view text) {
    const net::Fd fd = connect();
    say(fd, text);
    return hear_all(fd);
  }
};

int status_of(std::string_view answer) {
  return answer.size() < 12 ? 0 : std::stoi(std::string(answer.substr(9, 3)));
}

}  // namespace

TEST_CASE("a request comes whole, and its answer goes back") {
  Fixture world;
  world.start();
  const std::string answer = world.exchange(
      "POST /v1/things?id=a%20b HTTP/1.1\r\nHost: a\r\nX-Key: 1\r\nContent-Length: 5\r\nConnection: "
      "close\r\n\r\nhello");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"));
  CHECK(answer.contains("\r\nX-Turn: 1\r\n"));
  CHECK(answer.ends_with("\r\n\r\n{}"));
  REQUIRE(world.requests.size() == 1);
  const ServiceRequest& request = world.requests[0];
  CHECK(request.method == "POST");
  CHECK(request.path == "/v1/things");
  CHECK(request.query == "id=a%20b");
  CHECK(request.body == "hello");
  CHECK(request.field("x-key") == "1");
  CHECK(request.field("x-other").empty());
  CHECK(request.local);
}

TEST_CASE("a chunked body is a body, and HEAD gets none") {
  Fixture world;
  world.start();
  CHECK(status_of(world.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) == 200);
  CHECK(world.requests.back().body == "abcde");
  const std::string head = world.exchange("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(head.contains("Content-Length: 2\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("what is no request is refused, and nobody is asked") {
  Fixture world;
  world.start();
  const auto [text, status] = GENERATE(table<std::string, int>({
      {"nonsense\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x'), 431},
  }));
  CAPTURE(text.substr(0, 60));
  CHECK(status_of(world.exchange(text)) == status);
  CHECK(world.requests.empty());
}

TEST_CASE("one request after the other, also when they come together") {
  Fixture world;
  world.start();
  const std::string answers = world.exchange(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
      "a\r\nConnection: close\r\n\r\n");
  CHECK(world.requests.size() == 3);
  CHECK(answers.find("X-Turn: 1") < answers.find("X-Turn: 2"));
  CHECK(answers.find("X-Turn: 2") < answers.find("X-Turn: 3"));
}

TEST_CASE("an answer may come later, or when nobody is there any more") {
  Fixture world;
  world.at_once = false;
  world.start();
  net::Fd stays = world.connect();
  net::Fd goes = world.connect();
  for (const net::Fd* fd : {&stays, &goes})
    Fixture::say(*fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  REQUIRE(world.loop.run_until([&] { return world.replies.size() == 2; }));
  goes.reset();
  for (const auto& reply : world.replies) {
    reply({.status = 202, .body = "later", .fields = {}});
    reply({.status = 500, .body = "twice", .fields = {}});  // is none
  }
  CHECK(world.hear_all(stays).ends_with("later"));
  world.close();
  for (const auto& reply : world.replies) reply({.body = "far too late", .fields = {}});
}

TEST_CASE("who takes too long is not waited for") {
  Fixture world;
  world.options.request = 20ms;
  world.start();
  CHECK(world.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").empty());
  CHECK(world.requests.empty());
}

TEST_CASE("more connections than there may be are closed") {
  Fixture world;
  world.options.connections = 1;
  world.start();
  const net::Fd first = world.connect();
  Fixture::say(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(world.loop.run_until([&] { return !world.requests.empty(); }));
  const net::Fd second = world.connect();
  CHECK(world.hear_all(second).empty());
}

TEST_CASE("the socket is its owner's, replaces a dead one, and goes with the service") {
  Fixture world;
  world.start();
  struct stat status{};
  REQUIRE(::stat(world.directory.socket().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  HttpService other(world.loop.get(), [](const ServiceRequest&, const HttpService::Reply&) {});
  CHECK(other.listen_unix(world.directory.socket()).error().code == ErrorCode::address_in_use);
  bool closed = false;
  other.close([&] { closed = true; });
  CHECK(world.loop.run_until([&] { return closed; }));
  world.close();
  CHECK(::stat(world.directory.socket().c_str(), &status) != 0);
  // What a process that was killed leaves behind.
  {
    const net::Fd dead = *net::listen_stream(*net::unix_address(world.directory.socket()), {});
  }
  REQUIRE(::stat(world.directory.socket().c_str(), &status) == 0);
  world.start();
  CHECK(status_of(world.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200);
}

TEST_CASE("a file that is no socket stays") {
  Fixture world;
  ::close(::open(world.directory.socket().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  HttpService service(world.loop.get(), [](const ServiceRequest&, const HttpService::Reply&) {});
  CHECK(service.listen_unix(world.directory.socket()).error().code == ErrorCode::address_in_use);
  struct stat status{};
  CHECK(::stat(world.directory.socket().c_str(), &status) == 0);
  bool closed = false;
  service.close([&] { closed = true; });
  CHECK(world.loop.run_until([&] { return closed; }));
}

TEST_CASE("a client that asks and is gone at once costs nobody anything") {
  Fixture world;
  world.start();
  for (const std::string_view request :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    const std::size_t before = world.requests.size();
    {
      const net::Fd fd = world.connect();
      Fixture::say(fd, request);
    }
    CHECK(world.loop.run_until([&] { return world.requests.size() > before; }));
  }
  CHECK(world.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST_CASE("a long pipeline is answered one after the other, to its end") {
  Fixture world;
  world.start();
  std::string requests;
  constexpr std::size_t count = 2'000;
  for (std::size_t i = 0; i < count; ++i) requests += "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const net::Fd fd = world.connect();
  Fixture::say(fd, requests);
  std::string heard;
  CHECK(world.loop.run_until([&] {
    char bytes[65'536];
    for (ssize_t got = 0; (got = ::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return world.requests.size() == count && heard.contains("X-Turn: 2000\r\n");
  }));
}
