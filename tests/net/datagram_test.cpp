#include "net/datagram.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "net/socket.hpp"

using namespace evenkeel;
using namespace evenkeel::net;

namespace {

SocketAddress loopback(std::uint16_t port, const char* host = "127.0.0.1") {
  return ip_address(host, port).value();
}

Fd listener(const char* host = "127.0.0.1") {
  return std::move(listen_datagram(loopback(0, host), {.receive_buffer = 4'194'304}).value());
}

std::uint16_t port_of(const Fd& fd) {
  return local_address(fd.get())->port();
}

struct Received {
  std::string bytes;
  Endpoint peer;
  LocalIp local;
};

// The next `count` datagrams, trains taken apart; fewer when none comes any more.
std::vector<Received> receive(const Fd& fd, std::size_t count) {
  std::vector<Received> all;
  DatagramBatch batch;
  while (all.size() < count) {
    pollfd ready{fd.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5'000) != 1) break;
    bool emptied = false;
    const auto added = batch.receive(fd.get(), emptied);
    REQUIRE(added);
    for (const Datagrams& one : *added) {
      CHECK_FALSE(one.truncated);
      const std::size_t step = one.segment == 0 ? one.bytes.size() : one.segment;
      for (std::size_t i = 0; i < one.count(); ++i) {
        const auto piece = one.bytes.subspan(i * step, std::min(step, one.bytes.size() - i * step));
        all.push_back({std::string(piece.begin(), piece.end()), one.peer, one.local});
      }
    }
    batch.clear();
  }
  return all;
}

std::vector<std::string> texts(const std::vector<Received>& received) {
  std::vector<std::string> all;
  for (const Received& one : received) all.push_back(one.bytes);
  return all;
}

// Each of its own number and length.
std::vector<std::string> numbered(const std::vector<std::size_t>& lengths) {
  std::vector<std::string> all;
  for (const std::size_t length : lengths) {
    std::string text = std::to_string(all.size());
    text.resize(length, static_cast<char>('a' + all.size() % 26));
    all.push_back(std::move(text));
  }
  return all;
}

std::vector<Datagrams> entries_of(std::vector<std::string>& texts) {
  std::vector<Datagrams> entries(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) entries[i].bytes = texts[i];
  return entries;
}

void check_all_arrive(const std::vector<std::size_t>& lengths) {
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(target))).value());
  std::vector<std::string> sent = numbered(lengths);
  const SendOutcome outcome = send_datagrams(source.get(), entries_of(sent), false);
  CHECK(outcome.sent == sent.size());
  CHECK(outcome.lost == 0);
  CHECK(outcome.os_error == 0);
  CHECK(texts(receive(target, sent.size())) == sent);
}

}  // namespace

TEST_CASE("datagrams arrive whole, of whatever length, in order") {
  check_all_arrive({1, 65'507, 3, 1'400, 1'401, 9'000, 1'400, 2});
}

TEST_CASE("equal datagrams, which go as a train, arrive as single ones and in order") {
  check_all_arrive(std::vector<std::size_t>(DatagramBatch::most, 1'000));
  check_all_arrive(std::vector<std::size_t>(DatagramBatch::most, 1'400));
  check_all_arrive(std::vector<std::size_t>(DatagramBatch::most, 2));
}

TEST_CASE("a train ends where another length begins") {
  check_all_arrive({100, 100, 100, 50, 100, 100, 200, 200, 10, 10, 11, 11, 10});
}

TEST_CASE("an empty datagram is one, also between others") {
  check_all_arrive({0});
  check_all_arrive({0, 0, 0});
  check_all_arrive({100, 100, 0, 100, 100, 0});
}

TEST_CASE("a train that was received can be sent on as it is") {
  const Fd middle = listener();
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(middle))).value());
  std::vector<std::string> sent = numbered(std::vector<std::size_t>(30, 500));
  REQUIRE(send_datagrams(source.get(), entries_of(sent), false).sent == sent.size());
  const Fd onward = std::move(connect_datagram(loopback(port_of(target))).value());
  DatagramBatch batch;
  std::size_t seen = 0;
  while (seen < sent.size()) {
    pollfd ready{middle.get(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 5'000) == 1);
    bool emptied = false;
    const auto added = batch.receive(middle.get(), emptied);
    REQUIRE(added);
    for (const Datagrams& one : *added) seen += one.count();
  }
  CHECK(send_datagrams(onward.get(), batch.all(), false).lost == 0);
  CHECK(texts(receive(target, sent.size())) == sent);
}

TEST_CASE("a batch takes no more than it has room for, and the rest comes later") {
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(target))).value());
  const std::size_t count = DatagramBatch::most + 10;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = std::to_string(i);
    REQUIRE(::send(source.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  DatagramBatch batch;
  bool emptied = true;
  REQUIRE(batch.receive(target.get(), emptied)->size() == DatagramBatch::most);
  CHECK_FALSE(emptied);
  CHECK(batch.is_full());
  batch.clear();
  const auto rest = batch.receive(target.get(), emptied);
  REQUIRE(rest->size() == 10);
  CHECK(emptied);
  CHECK(std::string(rest->back().bytes.begin(), rest->back().bytes.end()) == std::to_string(count - 1));
}

TEST_CASE("what is received behind other entries leaves them as they are") {
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(target))).value());
  DatagramBatch batch;
  bool emptied = false;
  for (const std::string text : {"first", "second"}) {
    REQUIRE(::send(source.get(), text.data(), text.size(), 0) > 0);
    REQUIRE(batch.receive(target.get(), emptied)->size() == 1);
  }
  REQUIRE(batch.all().size() == 2);
  CHECK(std::string(batch.all()[0].bytes.begin(), batch.all()[0].bytes.end()) == "first");
  CHECK(std::string(batch.all()[1].bytes.begin(), batch.all()[1].bytes.end()) == "second");
}

TEST_CASE("an empty socket is no error") {
  const Fd target = listener();
  DatagramBatch batch;
  bool emptied = false;
  const auto nothing = batch.receive(target.get(), emptied);
  REQUIRE(nothing);
  CHECK(nothing->empty());
  CHECK(emptied);
}

TEST_CASE("on a wildcard the address that a datagram was sent to is told, and replies come from there") {
  struct Family {
    const char* wildcard;
    std::vector<const char*> addresses;
  };
  for (const Family& family :
       {Family{"0.0.0.0", {"127.0.0.1", "127.0.0.2", "127.9.8.7"}}, Family{"::", {"::1"}}}) {
    const Fd target = listener(family.wildcard);
    for (const char* address : family.addresses) {
      CAPTURE(address);
      // Takes replies from that address only.
      const Fd source = std::move(connect_datagram(loopback(port_of(target), address)).value());
      REQUIRE(::send(source.get(), "ask", 3, 0) == 3);
      const auto received = receive(target, 1);
      REQUIRE(received.size() == 1);
      CHECK(std::memcmp(received[0].local.bytes.data(), PeerIp::of(loopback(1, address)).bytes,
                        PeerIp::of(loopback(1, address)).address().size()) == 0);
      std::string answer = "answer";
      Datagrams reply;
      reply.bytes = answer;
      reply.peer = received[0].peer;
      reply.local = received[0].local;
      CHECK(send_datagrams(target.get(), std::span(&reply, 1), true).lost == 0);
      CHECK(texts(receive(source, 1)) == std::vector<std::string>{"answer"});
    }
  }
}

TEST_CASE("a socket with an address of its own tells none") {
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(target))).value());
  REQUIRE(::send(source.get(), "ask", 3, 0) == 3);
  const auto received = receive(target, 1);
  REQUIRE(received.size() == 1);
  CHECK(received[0].local == LocalIp{});
  CHECK(received[0].peer == Endpoint::of(local_address(source.get()).value()));
}

TEST_CASE("replies to several peers find each of them") {
  const Fd server = listener();
  std::vector<Fd> clients;
  std::vector<std::string> answers = numbered(std::vector<std::size_t>(12, 40));
  std::vector<Datagrams> replies = entries_of(answers);
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::move(connect_datagram(loopback(port_of(server))).value()));
  }
  for (std::size_t i = 0; i < replies.size(); ++i) {
    replies[i].peer = Endpoint::of(local_address(clients[i / 2 % 3].get()).value());
  }
  CHECK(send_datagrams(server.get(), replies, true).lost == 0);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(texts(receive(clients[i], 4)) == std::vector<std::string>{answers[2 * i], answers[2 * i + 1],
                                                                    answers[2 * i + 6], answers[2 * i + 7]});
  }
}

TEST_CASE("a port that nobody has is told of: by the next send, or by a receive") {
  std::uint16_t port = 0;
  {
    const Fd gone = listener();
    port = port_of(gone);
  }
  const Fd source = std::move(connect_datagram(loopback(port)).value());
  std::vector<std::string> two = numbered({10, 10});
  for (const bool train : {false, true}) {
    CAPTURE(train);
    REQUIRE(::send(source.get(), "ask", 3, 0) == 3);  // the loopback answers at once
    const std::vector<Datagrams> entries = entries_of(two);
    const SendOutcome outcome = send_datagrams(source.get(), std::span(entries).first(train ? 2 : 1), false);
    CHECK(outcome.os_error == ECONNREFUSED);
    CHECK(outcome.sent == 0);
    CHECK(outcome.lost == 0);
  }
  REQUIRE(::send(source.get(), "ask", 3, 0) == 3);
  DatagramBatch batch;
  bool emptied = false;
  const auto received = batch.receive(source.get(), emptied);
  REQUIRE_FALSE(received);
  CHECK(received.error().code == ErrorCode::connect_refused);
  CHECK(received.error().os_error == ECONNREFUSED);
  // Once told it is over.
  CHECK(batch.receive(source.get(), emptied).has_value());
}

TEST_CASE("a datagram that is too long is lost, and those around it are not") {
  const Fd target = listener();
  const Fd source = std::move(connect_datagram(loopback(port_of(target))).value());
  std::vector<std::string> sent = numbered({5, 65'508, 6});
  const SendOutcome outcome = send_datagrams(source.get(), entries_of(sent), false);
  CHECK(outcome.sent == 3);
  CHECK(outcome.lost == 1);
  CHECK(texts(receive(target, 2)) == std::vector<std::string>{sent[0], sent[2]});
}
