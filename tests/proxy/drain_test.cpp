// What drain() does with clients that are connected, and whom nobody has accepted yet.
#include <poll.h>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"

#include "proxy/port_fixture.hpp"
#include "support/handover_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

struct DrainFixture : PortFixture {
  net::Fd target = listener();
  std::string id = add(Scheme::tcp, port_of(target));
  bool drained = false;

  void drain(Proxy& proxy) {
    proxy.drain([this] { drained = true; });
  }
  void check_reaches_target(const net::Fd& client) {
    net::Fd at_target;
    REQUIRE(loop.run_until([&] {
      if (Result<net::Accepted> accepted = net::accept_stream(target.get()))
        at_target = std::move(accepted->fd);
      return static_cast<bool>(at_target);
    }));
    say(client, "ping");
    CHECK(hear(at_target, 4) == "ping");
  }
};

// Closes its proxy when it is told of a first client.
struct Closer final : LogSink {
  Proxy* proxy = nullptr;
  bool closed = false;
  void access(const AccessRecord&) noexcept override {
    if (Proxy* const its = std::exchange(proxy, nullptr)) its->close([this] { closed = true; });
  }
};

}  // namespace

TEST_CASE("tcp: who waits to be accepted when draining begins is served") {
  DrainFixture world;
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  world.open(proxy);
  const net::Fd client = connect_to(proxy.port());
  world.drain(proxy);
  world.check_reaches_target(client);
  CHECK_FALSE(world.drained);
  world.close(proxy);
}

TEST_CASE("http: who waits to be accepted when draining begins is answered") {
  PortFixture world;  // without a target: the answer is the proxy's
  HttpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  world.open(proxy);
  const net::Fd client = connect_to(proxy.port());
  bool drained = false;
  proxy.drain([&] { drained = true; });
  // After drain(), and still the first request of its connection.
  say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string_view answer = "HTTP/1.1 503 ";
  CHECK(world.hear(client, answer.size()) == answer);
  CHECK(world.loop.run_until([&] { return drained; }));
  world.close(proxy);
}

TEST_CASE("a connection that was handed over, and that nobody has taken, is served") {
  DrainFixture world;
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  REQUIRE(proxy.attach(::dup(ours.get()), 0));
  ours.reset();
  const net::Fd client = hand_over(theirs);
  world.drain(proxy);
  world.check_reaches_target(client);
  world.close(proxy);
}

TEST_CASE("who waits at a socket that is somebody else's, too, waits for them, also after a reload") {
  DrainFixture world;
  const net::Fd theirs = listener();
  TcpProxy before(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  ListeningSockets sockets;
  REQUIRE(sockets.add_copy({.descriptor = theirs.get(), .shared = true}));
  REQUIRE(before.adopt(std::move(sockets)));
  TcpProxy after(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  REQUIRE(after.adopt(before.release().value()));
  const net::Fd client = connect_to(port_of(theirs));
  world.drain(before);
  world.drain(after);
  CHECK(net::accept_stream(theirs.get()));
  CHECK(after.stats().connections_accepted == 0);
  world.close(before);
  world.close(after);
}

TEST_CASE("a host that closes its proxy when it is told of a client that drain() accepts") {
  PortFixture world;
  Closer sink;
  const bool is_http = GENERATE(false, true);
  HttpOptions http;
  http.access_log = true;
  http.limits.connections = 1;  // the second one is turned away, and told of
  TcpOptions tcp;
  tcp.access_log = true;  // there is no target
  std::unique_ptr<Proxy> proxy;
  if (is_http) {
    proxy = std::make_unique<HttpProxy>(world.loop.get(), world.pool, world.strategy(), http, sink);
  } else {
    proxy = std::make_unique<TcpProxy>(world.loop.get(), world.pool, world.strategy(), tcp, sink);
  }
  REQUIRE(proxy->listen({}));
  const std::uint16_t port =
      is_http ? static_cast<HttpProxy&>(*proxy).port() : static_cast<TcpProxy&>(*proxy).port();
  std::vector<net::Fd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect_to(port));
  sink.proxy = proxy.get();
  bool drained = false;
  const bool in_the_loop = GENERATE(false, true);
  if (!in_the_loop) proxy->drain([&] { drained = true; });
  CHECK(world.loop.run_until([&] { return sink.closed; }));
  CHECK_FALSE(drained);
}
