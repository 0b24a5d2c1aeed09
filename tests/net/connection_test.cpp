#include "net/connection.hpp"

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <uv.h>

#include "net/tls_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::net;

namespace {

class Peer final : public Connection {
 public:
  explicit Peer(Reactor& reactor) : Connection(reactor) {}
  using Connection::abort;
  using Connection::close;
  using Connection::open;
  using Connection::secure;

  std::string received;
  bool secured = false;
  bool ended = false;
  bool drained = false;
  bool failed = false;

 private:
  void on_readable() noexcept override {
    const Result<std::size_t> count = read(reactor_.read_buffer());
    if (!count) {
      if (count.error().os_error != EAGAIN) close();
      failed = !is_open();
      return;
    }
    if (*count == 0) {
      ended = true;
      pause_reads();
      return;
    }
    received.append(reactor_.read_buffer().data(), *count);
  }
  void on_secured() noexcept override { secured = true; }
  void on_partly_sent() noexcept override {}
  void on_drained() noexcept override { drained = true; }
  void on_failed() noexcept override {
    failed = true;
    close();
  }
};

struct Pair {
  Pair() {
    uv_loop_init(&loop);
    reactor.emplace(&loop);
    left.emplace(*reactor);
    right.emplace(*reactor);
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    REQUIRE(left->open(Fd(fds[0])));
    REQUIRE(right->open(Fd(fds[1])));
  }
  ~Pair() {
    left.reset();
    right.reset();
    reactor->close();
    uv_run(&loop, UV_RUN_DEFAULT);
    reactor.reset();
    CHECK(uv_loop_close(&loop) == 0);
  }
  // Turns the loop until something was observed; bounded, so that a failure ends.
  bool run_until(const std::function<bool()>& seen) {
    for (int turn = 0; turn < 20'000 && !seen(); ++turn) uv_run(&loop, UV_RUN_NOWAIT);
    return seen();
  }

  uv_loop_t loop{};
  std::optional<Reactor> reactor;
  std::optional<Peer> left;
  std::optional<Peer> right;
};

}  // namespace

TEST_CASE("what the kernel does not take is kept, sent later, and reported once it is out") {
  Pair pair;
  const std::string big(4'000'000, 'x');
  pair.right->pause_reads();
  REQUIRE(pair.left->write(big));
  CHECK(pair.left->unsent() > 0);
  CHECK_FALSE(pair.left->drained);
  pair.right->resume_reads();
  CHECK(pair.run_until([&] { return pair.right->received.size() == big.size(); }));
  CHECK(pair.run_until([&] { return pair.left->drained; }));
  CHECK(pair.right->received == big);
}

TEST_CASE("half-close: the end comes after everything that was kept, and the other direction goes on") {
  Pair pair;
  const std::string big(1'000'000, 'y');
  REQUIRE(pair.left->write(big));
  pair.left->shut_write();
  CHECK(pair.run_until([&] { return pair.right->ended; }));
  CHECK(pair.right->received == big);
  REQUIRE(pair.right->write("late reply"));
  CHECK(pair.run_until([&] { return pair.left->received == "late reply"; }));
}

TEST_CASE("slices are written in order") {
  Pair pair;
  const std::array<iovec, 3> slices{
      {{const_cast<char*>("ab"), 2}, {const_cast<char*>("c"), 1}, {const_cast<char*>("def"), 3}}};
  REQUIRE(pair.left->write(slices));
  CHECK(pair.run_until([&] { return pair.right->received == "abcdef"; }));
}

TEST_CASE("a hang-up while reads are paused is no failure: what came before it can still be read") {
  Pair pair;
  pair.left->pause_reads();
  REQUIRE(pair.right->write("last words"));
  pair.right->close();
  for (int turn = 0; turn < 100; ++turn) uv_run(&pair.loop, UV_RUN_NOWAIT);
  CHECK_FALSE(pair.left->failed);
  pair.left->resume_reads();
  CHECK(pair.run_until([&] { return pair.left->ended; }));
  CHECK(pair.left->received == "last words");
}

TEST_CASE("a closed connection's descriptor number can be used again at once") {
  Pair pair;
  const int number = pair.left->descriptor();
  pair.left->close();
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
  CHECK(fds[0] == number);
  REQUIRE(pair.left->open(Fd(fds[0])));
  const Fd other(fds[1]);
  REQUIRE(::send(other.get(), "hi", 2, 0) == 2);
  CHECK(pair.run_until([&] { return pair.left->received == "hi"; }));
}

TEST_CASE("closing one reactor does not deafen another one on the same loop that uses its old numbers") {
  Pair pair;
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
  const Fd writer(fds[1]);
  std::optional<Reactor> first(&pair.loop);
  {
    Peer passing(*first);
    REQUIRE(passing.open(Fd(fds[0])));
    REQUIRE(::send(writer.get(), "a", 1, 0) == 1);
    REQUIRE(pair.run_until([&] { return passing.received == "a"; }));
  }
  std::array<int, 2> again{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, again.data()) == 0);
  REQUIRE(again[0] == fds[0]);
  const Fd other(again[1]);
  pair.left->close();
  REQUIRE(pair.left->open(Fd(again[0])));
  REQUIRE(::send(other.get(), "b", 1, 0) == 1);
  REQUIRE(pair.run_until([&] { return pair.left->received == "b"; }));
  first->close();
  uv_run(&pair.loop, UV_RUN_NOWAIT);
  REQUIRE(::send(other.get(), "c", 1, 0) == 1);
  CHECK(pair.run_until([&] { return pair.left->received == "bc"; }));
}

namespace {

// `left` is the client.
struct TlsConnections : Pair {
  TlsConnections() {
    REQUIRE(right->secure(acceptor.accept()));
    REQUIRE(left->secure(connector.connect({.name = "app.test", .validate = false}, slot)));
    REQUIRE(run_until([&] { return left->secured && right->secured; }));
    for (int turn = 0; turn < 10; ++turn) uv_run(&loop, UV_RUN_NOWAIT);  // tickets
  }
  ~TlsConnections() {
    left->close();
    right->close();
  }
  TlsConnector::SessionSlot slot;
  TlsAcceptor acceptor{testing::tls_server({testing::certificate({"app.test"})})};
  TlsConnector connector{nullptr};
};

}  // namespace

TEST_CASE("a connection whose TLS holds a byte that nobody asked for is not quiet") {
  TlsConnections pair;
  CHECK(pair.left->is_quiet());
  pair.left->pause_reads();
  REQUIRE(pair.right->write("answer, and more"));
  for (int turn = 0; turn < 10; ++turn) uv_run(&pair.loop, UV_RUN_NOWAIT);
  // The socket is empty then.
  CHECK(pair.left->read(pair.reactor->read_buffer().first(6)) == 6U);
  CHECK_FALSE(pair.left->is_quiet());
}

TEST_CASE("what is kept for a peer of TLS that reads nothing has an end") {
  TlsConnections pair;
  pair.left->pause_reads();
  const std::string some(50'000, 'x');
  int writes = 0;
  while (writes < 1'000 && pair.right->write(some)) ++writes;
  CHECK(writes < 100);
  CHECK(pair.right->unsent() < 1'200'000);
}
