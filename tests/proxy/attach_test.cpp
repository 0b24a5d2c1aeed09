// Proxies that serve what is handed over: clients are ends of Unix socket pairs.
#include <poll.h>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

#include "proxy/port_fixture.hpp"
#include "support/handover_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

struct AttachFixture : PortFixture {
  net::Fd target = std::move(net::listen_stream(loopback(0), {}).value());
  net::Fd over;

  void attach(Proxy& proxy) {
    auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
    int descriptor = ours.get();
    descriptor = ::dup(descriptor);
    REQUIRE(proxy.attach(descriptor, 0));
    over = std::move(theirs);
  }
  net::Fd accept() {
    net::Fd fd;
    REQUIRE(loop.run_until([&] {
      if (fd) return true;
      if (Result<net::Accepted> accepted = net::accept_stream(target.get())) fd = std::move(accepted->fd);
      return static_cast<bool>(fd);
    }));
    return fd;
  }
  bool ends(const net::Fd& fd) {
    return loop.run_until([&] {
      pollfd state{fd.get(), POLLRDHUP, 0};
      ::poll(&state, 1, 0);
      return (state.revents & POLLRDHUP) != 0;
    });
  }
  // Up to an end, or to what is no more.
  std::string hear_until(const net::Fd& fd, std::string_view last) {
    std::string heard;
    loop.run_until([&] {
      char bytes[4'096];
      const ssize_t got = ::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) heard.append(bytes, static_cast<std::size_t>(got));
      return got == 0 || heard.ends_with(last);
    });
    return heard;
  }
};

// Everything that `from` says, at `to`, while `bytes` are said.
std::size_t carry(testing::Loop& loop, const net::Fd& from, const net::Fd& to, std::size_t bytes) {
  const std::string block(65'536, 'b');
  std::size_t said = 0;
  std::size_t heard = 0;
  std::string room(262'144, '\0');
  loop.run_until([&] {
    while (said < bytes) {
      const ssize_t count =
          ::send(from.get(), block.data(), std::min(block.size(), bytes - said), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count <= 0) break;
      said += static_cast<std::size_t>(count);
    }
    for (;;) {
      const ssize_t count = ::recv(to.get(), room.data(), room.size(), MSG_DONTWAIT);
      if (count <= 0) break;
      heard += static_cast<std::size_t>(count);
    }
    return heard >= bytes;
  });
  return heard;
}

}  // namespace

TEST_CASE("tcp: a connection that was handed over, both ways and to the end of each") {
  AttachFixture world;
  world.add(Scheme::tcp, port_of(world.target));
  TcpOptions options;
  options.proxy_protocol = ProxyVersion::v1;
  options.access_log = true;
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), options, world.log);
  world.attach(proxy);
  const net::Fd client = hand_over(world.over);
  const net::Fd at_target = world.accept();
  const std::string header = "PROXY TCP4 100.64.0.2 100.64.0.1 41000 443\r\n";
  CHECK(world.hear(at_target, header.size()) == header);
  say(client, "ping");
  CHECK(world.hear(at_target, 4) == "ping");
  ::shutdown(client.get(), SHUT_WR);
  CHECK(world.ends(at_target));
  say(at_target, "late");
  CHECK(world.hear(client, 4) == "late");
  ::shutdown(at_target.get(), SHUT_WR);
  CHECK(world.ends(client));
  CHECK(world.loop.run_until([&] { return proxy.stats().connections == 0; }));
  CHECK(world.log.all.at(0).error.empty());
  CHECK(proxy.stats().connections_accepted == 1);
  world.close(proxy);
}

TEST_CASE("tcp: bulk over a Unix socket, each way") {
  AttachFixture world;
  world.add(Scheme::tcp, port_of(world.target));
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  world.attach(proxy);
  const net::Fd client = hand_over(world.over);
  const net::Fd at_target = world.accept();
  constexpr std::size_t bytes = 32U << 20U;
  CHECK(carry(world.loop, client, at_target, bytes) == bytes);
  CHECK(carry(world.loop, at_target, client, bytes) == bytes);
  // And small talk after it.
  say(client, "ping");
  CHECK(world.hear(at_target, 4) == "ping");
  world.close(proxy);
}

TEST_CASE("tcp: limits count the client that the message names") {
  AttachFixture world;
  world.add(Scheme::tcp, port_of(world.target));
  TcpOptions options;
  options.per_client.connections = 1;
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), options, world.log);
  world.attach(proxy);
  const net::Fd client = hand_over(world.over);
  const net::Fd at_target = world.accept();
  const net::Fd again = hand_over(world.over);
  CHECK(world.ends(again));
  const net::Fd other = hand_over(world.over, "src=100.64.0.3:41000 dst=100.64.0.1:443 funnel=0");
  const net::Fd other_at_target = world.accept();
  CHECK(proxy.stats().connections_refused == 1);
  world.close(proxy);
}

TEST_CASE("tcp: a client that goes away while its target talks is noticed") {
  AttachFixture world;
  world.add(Scheme::tcp, port_of(world.target));
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  world.attach(proxy);
  net::Fd client = hand_over(world.over);
  const net::Fd at_target = world.accept();
  client.reset();
  CHECK(world.ends(at_target));
  say(at_target, "nobody hears");
  CHECK(world.loop.run_until([&] { return proxy.stats().connections == 0; }));
  world.close(proxy);
}

TEST_CASE("after drain() nothing is taken over, and what is under way goes on") {
  AttachFixture world;
  world.add(Scheme::tcp, port_of(world.target));
  TcpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  const int number = ::dup(ours.get());
  ours.reset();
  REQUIRE(proxy.attach(number, 0));
  net::Fd client = hand_over(theirs);
  const net::Fd at_target = world.accept();
  bool drained = false;
  proxy.drain([&] { drained = true; });
  CHECK_FALSE(send_message(theirs, a_client, {client.get()}));  // closed: the other side sees it
  say(client, "ping");
  CHECK(world.hear(at_target, 4) == "ping");
  CHECK_FALSE(drained);
  client.reset();
  ::shutdown(at_target.get(), SHUT_WR);
  CHECK(world.loop.run_until([&] { return drained; }));
  world.close(proxy);
}

TEST_CASE("http: requests of a client that was handed over, named in X-Forwarded-For") {
  AttachFixture world;
  world.add(Scheme::http, port_of(world.target));
  HttpProxy proxy(world.loop.get(), world.pool, world.strategy(), {}, world.log);
  world.attach(proxy);
  REQUIRE(send_message(world.over, "nothing", {}));
  const net::Fd client = hand_over(world.over);
  say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const net::Fd at_target = world.accept();
  const std::string request = world.hear_until(at_target, "\r\n\r\n");
  CHECK(request.contains("\r\nX-Forwarded-For: 100.64.0.2\r\n"));
  say(at_target, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(world.hear_until(client, "body").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(proxy.stats().connections_accepted == 1);
  CHECK(proxy.stats().handovers_lost == 1);
  world.close(proxy);
}

TEST_CASE("udp: sessions of clients whose datagrams are handed over") {
  AttachFixture world;
  const net::Fd at = std::move(net::bind_datagram(loopback(0), false).value());
  world.add(Scheme::udp, port_of(at));
  UdpOptions options;
  options.access_log = true;
  UdpProxy proxy(world.loop.get(), world.pool, world.strategy("hash"), options, world.log);
  world.attach(proxy);
  const auto next = [&](net::SocketAddress& from) {
    std::string text;
    REQUIRE(world.loop.run_until([&] {
      if (!text.empty()) return true;
      char bytes[65'536];
      from.length = sizeof from.storage;
      const ssize_t got = ::recvfrom(at.get(), bytes, sizeof bytes, MSG_DONTWAIT, from.raw(), &from.length);
      if (got > 0) text.assign(bytes, static_cast<std::size_t>(got));
      return !text.empty();
    }));
    return text;
  };
  net::SocketAddress first;
  net::SocketAddress again;
  net::SocketAddress second;
  say(world.over, frame(2, 9, "one"));
  CHECK(next(first) == "one");
  say(world.over, frame(2, 9, "two"));
  CHECK(next(again) == "two");
  say(world.over, frame(3, 9, "three"));
  CHECK(next(second) == "three");
  CHECK(again.port() == first.port());
  CHECK(second.port() != first.port());
  say(world.over, "no frame");
  for (const std::string_view text : {"a", "b", "c"}) {
    REQUIRE(::sendto(at.get(), text.data(), text.size(), 0, first.raw(), first.length) == 1);
  }
  for (const std::string_view text : {"a", "b", "c"}) {
    const std::string wanted = frame(2, 9, text);
    CHECK(world.hear(world.over, wanted.size()) == wanted);
  }
  const std::string large(65'507, 'L');
  say(world.over, frame(2, 9, large));
  CHECK(next(again) == large);
  CHECK(proxy.stats().sessions == 2);
  CHECK(proxy.stats().datagrams_dropped == 1);
  // The other side goes: nothing more comes, and replies are lost.
  world.over.reset();
  REQUIRE(::sendto(at.get(), "x", 1, 0, first.raw(), first.length) == 1);
  CHECK(world.loop.run_until([&] { return proxy.stats().datagrams_dropped == 2; }));
  world.close(proxy);
  CHECK(world.log.all.size() == 2);
}
