// Checks that send bytes and wait for others, over TCP and UDP.
#include <arpa/inet.h>

#include "proxy/monitor_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

class Socket {
 public:
  explicit Socket(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

void say(int fd, const std::string& bytes) {
  CHECK(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

// A peer over TCP, served between two turns of the loop: greets each client, answers the first bytes, and
// hangs up or not.
class TcpPeer {
 public:
  std::string greeting;
  std::string answer;
  bool hangs_up = false;

  TcpPeer() : listener_(SOCK_STREAM) { REQUIRE(::listen(listener_.fd(), 16) == 0); }
  ~TcpPeer() {
    for (const int client : clients_) ::close(client);
  }
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  [[nodiscard]] const std::string& received() const { return received_; }

  void serve() {
    for (int client = 0; (client = ::accept(listener_.fd(), nullptr, nullptr)) >= 0;) {
      clients_.push_back(client);
      if (!greeting.empty()) say(client, greeting);
      if (hangs_up && answer.empty()) ::shutdown(client, SHUT_WR);
    }
    for (const int client : clients_) {
      char bytes[8'192];
      const ssize_t got = ::recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got <= 0) continue;
      received_.append(bytes, static_cast<std::size_t>(got));
      if (!answer.empty()) say(client, answer);
      if (hangs_up) ::shutdown(client, SHUT_WR);
    }
  }

 private:
  Socket listener_;
  std::string received_;
  std::vector<int> clients_;
};

// The same over UDP: answers each datagram with all of `answers`.
class UdpPeer {
 public:
  std::vector<std::string> answers;

  UdpPeer() : socket_(SOCK_DGRAM) {}
  [[nodiscard]] std::uint16_t port() const { return socket_.port(); }
  [[nodiscard]] const std::vector<std::string>& received() const { return received_; }
  [[nodiscard]] const sockaddr_in& client() const { return client_; }

  void serve() {
    char bytes[8'192];
    socklen_t length = sizeof client_;
    for (ssize_t got = 0; (got = ::recvfrom(socket_.fd(), bytes, sizeof bytes, 0,
                                            reinterpret_cast<sockaddr*>(&client_), &length)) >= 0;) {
      received_.emplace_back(bytes, static_cast<std::size_t>(got));
      for (const std::string& answer : answers) {
        ::sendto(socket_.fd(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&client_),
                 length);
      }
    }
  }

 private:
  Socket socket_;
  std::vector<std::string> received_;
  sockaddr_in client_{};
};

struct Checks : Fixture {
  Checks() {
    health.interval = 1h;  // one check: its verdict is the first and the last
    health.timeout = 10s;
  }

  // The reason of the first verdict.
  template <class Peer>
  std::string verdict(Peer& peer, const Target& target) {
    add(target);
    start();
    REQUIRE(loop.run_until([&] {
      peer.serve();
      return !events.empty();
    }));
    return events.front();
  }
  template <class Peer>
  std::string verdict(Peer& peer) {
    return verdict(peer, at(peer.port()));
  }
};

struct TcpChecks : Checks {
  TcpChecks() { health.type = CheckType::tcp; }
};
struct UdpChecks : Checks {
  UdpChecks() { health.type = CheckType::udp; }
};

const std::string passed = "unknown->up check passed";

}  // namespace

// --- TCP ---

TEST_CASE_METHOD(TcpChecks, "what is sent can be answered") {
  health.send = "PING\r\n";
  health.receive = "+PONG";
  TcpPeer peer;
  peer.answer = "noise +PONG\r\n";
  CHECK(verdict(peer) == passed);
  CHECK(peer.received() == "PING\r\n");
}

TEST_CASE_METHOD(TcpChecks, "bytes that are no text are sent whole") {
  health.send = std::string("\0\xff\r\n\0", 5);
  health.receive = std::string(1, '\0');
  TcpPeer peer;
  peer.answer = std::string("a\0", 2);
  CHECK(verdict(peer) == passed);
  CHECK(peer.received() == health.send);
}

TEST_CASE_METHOD(TcpChecks, "sending is enough when nothing has to come back") {
  health.send = "hello";
  TcpPeer peer;
  CHECK(verdict(peer) == passed);
  CHECK(loop.run_until([&] {
    peer.serve();
    return peer.received() == "hello";
  }));
}

TEST_CASE_METHOD(TcpChecks, "a greeting needs no question") {
  health.receive = "220 ";
  TcpPeer peer;
  peer.greeting = "220 mail.example ESMTP\r\n";
  CHECK(verdict(peer) == passed);
}

TEST_CASE_METHOD(TcpChecks,
                 "a target that waits for a PROXY header is checked behind one, which names the check") {
  health.proxy_protocol = ProxyVersion::v1;
  health.send = "PING";
  TcpPeer peer;
  peer.answer = "220 ready";
  health.receive = "220 ";
  CHECK(verdict(peer) == passed);
  CHECK(peer.received().starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "));
  CHECK(peer.received().ends_with(" " + std::to_string(peer.port()) + "\r\nPING"));
}

TEST_CASE_METHOD(TcpChecks, "an answer may come in pieces") {
  health.send = "x";
  health.receive = "+PONG";
  TcpPeer peer;
  peer.greeting = "+PO";
  peer.answer = "NG";
  CHECK(verdict(peer) == passed);
}

TEST_CASE_METHOD(TcpChecks, "a wrong answer and then the end is a failure") {
  health.send = "PING\r\n";
  health.receive = "+PONG";
  TcpPeer peer;
  peer.answer = "-NOAUTH\r\n";
  peer.hangs_up = true;
  CHECK(verdict(peer) == "unknown->down unexpected_reply");
}

TEST_CASE_METHOD(TcpChecks, "an end without an answer is another failure") {
  health.receive = "220 ";
  TcpPeer peer;
  peer.hangs_up = true;
  CHECK(verdict(peer) == "unknown->down connection_closed");
}

TEST_CASE_METHOD(TcpChecks, "the right answer is looked for in the first 4,096 bytes only") {
  health.receive = "needle";
  TcpPeer peer;
  SECTION("at their end") {
    peer.greeting = std::string(4'090, '-') + "needle";
    CHECK(verdict(peer) == passed);
  }
  SECTION("across it") {
    peer.greeting = std::string(4'091, '-') + "needle";
    CHECK(verdict(peer) == "unknown->down unexpected_reply");
  }
}

TEST_CASE_METHOD(TcpChecks, "when the time is over, the reason tells silence from a wrong answer") {
  health.timeout = 100ms;
  health.receive = "220 ";
  TcpPeer peer;
  SECTION("silence") {
    CHECK(verdict(peer) == "unknown->down timeout");
  }
  SECTION("a wrong answer") {
    peer.greeting = "421 go away\r\n";
    CHECK(verdict(peer) == "unknown->down unexpected_reply");
  }
}

// --- UDP ---

TEST_CASE_METHOD(UdpChecks, "a closed UDP port is down as soon as the kernel says so") {
  const auto [send, receive] =
      GENERATE(table<std::string, std::string>({{"", ""}, {"ping", ""}, {"", "pong"}, {"ping", "pong"}}));
  health.send = send;
  health.receive = receive;
  std::uint16_t closed = 0;
  {
    const Socket gone(SOCK_DGRAM);
    closed = gone.port();
  }
  UdpPeer nobody;
  const TimePoint begin = clock.now();
  CHECK(verdict(nobody, at(closed)) == "unknown->down connect_refused");
  CHECK(clock.now() - begin < health.timeout / 4);
}

TEST_CASE_METHOD(UdpChecks, "silence passes after half of the time when nothing was asked") {
  health.timeout = 200ms;
  UdpPeer peer;
  const TimePoint begin = clock.now();
  CHECK(verdict(peer) == passed);
  CHECK(clock.now() - begin >= 95ms);
  CHECK(peer.received() == std::vector<std::string>{""});
}

TEST_CASE_METHOD(UdpChecks, "whoever answers an empty datagram need not be waited for") {
  UdpPeer peer;
  peer.answers = {"what?"};
  const TimePoint begin = clock.now();
  CHECK(verdict(peer) == passed);
  CHECK(clock.now() - begin < health.timeout / 4);
}

TEST_CASE_METHOD(UdpChecks, "any answer will do when none is given") {
  health.send = "ping";
  UdpPeer peer;
  peer.answers = {GENERATE(as<std::string>{}, "pong", "")};
  CHECK(verdict(peer) == passed);
  CHECK(peer.received() == std::vector<std::string>{"ping"});
}

TEST_CASE_METHOD(UdpChecks, "silence fails when an answer is due") {
  health.timeout = 100ms;
  SECTION("to a question") {
    health.send = "ping";
  }
  SECTION("that is given") {
    health.receive = "pong";
  }
  UdpPeer peer;
  CHECK(verdict(peer) == "unknown->down timeout");
}

TEST_CASE_METHOD(UdpChecks, "a wrong answer is passed over while there is time for the right one") {
  health.send = "ping";
  health.receive = "pong";
  UdpPeer peer;
  SECTION("which comes") {
    peer.answers = {"late for somebody", "", "a pong of mine"};
    CHECK(verdict(peer) == passed);
  }
  SECTION("which does not come") {
    health.timeout = 100ms;
    peer.answers = {"ping"};
    CHECK(verdict(peer) == "unknown->down unexpected_reply");
  }
}

TEST_CASE_METHOD(UdpChecks, "an answer from elsewhere is not heard") {
  health.timeout = 200ms;
  health.send = "ping";
  UdpPeer peer;
  const Socket other(SOCK_DGRAM);
  add(at(peer.port()));
  start();
  REQUIRE(loop.run_until([&] {
    peer.serve();
    return !peer.received().empty();
  }));
  CHECK(::sendto(other.fd(), "pong", 4, 0, reinterpret_cast<const sockaddr*>(&peer.client()),
                 sizeof peer.client()) == 4);
  REQUIRE(loop.run_until([&] { return !events.empty(); }));
  CHECK(events.front() == "unknown->down timeout");
}

TEST_CASE_METHOD(UdpChecks, "names, ranges and another port are checked as over TCP") {
  health.send = "ping";
  UdpPeer peer;
  peer.answers = {"pong"};
  SECTION("a name, perhaps with an address in front where nobody listens") {
    CHECK(verdict(peer, at(peer.port(), "localhost")) == passed);
  }
  SECTION("a name that does not exist") {
    CHECK(verdict(peer, at(peer.port(), "no-such-host.invalid")) == "unknown->down resolve_failed");
  }
  SECTION("another port") {
    health.port = peer.port();
    CHECK(verdict(peer, at(1)) == passed);
  }
  SECTION("the first port of a range") {
    Target range = at(peer.port());
    range.port_count = 10;
    CHECK(verdict(peer, range) == passed);
  }
}

TEST_CASE_METHOD(UdpChecks, "a target that falls silent goes down, and comes back") {
  health.interval = 20ms;
  health.timeout = 50ms;
  health.send = "ping";
  UdpPeer peer;
  peer.answers = {"pong"};
  const TargetKey key = add(at(peer.port()));
  start();
  const auto turns = [&](Health wanted) {
    return loop.run_until([&] {
      peer.serve();
      return health_of(key) == wanted;
    });
  };
  REQUIRE(turns(Health::up));
  peer.answers.clear();
  REQUIRE(turns(Health::down));
  peer.answers = {"pong"};
  CHECK(turns(Health::up));
}

TEST_CASE_METHOD(UdpChecks, "a monitor closes while a check waits for silence") {
  UdpPeer peer;
  const TargetKey key = add(at(peer.port()));
  start();
  REQUIRE(loop.run_until([&] {
    peer.serve();
    return !peer.received().empty();
  }));
  CHECK(health_of(key) == Health::unknown);
  close();
  CHECK(events.empty());
}
