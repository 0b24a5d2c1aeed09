#include "evenkeel/udp_proxy.hpp"

#include <string>

#include "net/datagram.hpp"
#include "proxy/port_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

net::Fd bound() {
  return std::move(net::bind_datagram(loopback(0), false).value());
}

struct UdpFixture : PortFixture {
  net::Fd target = bound();
  std::string id = add(Scheme::udp, port_of(target));

  std::unique_ptr<UdpProxy> make(UdpOptions options = {}) {
    options.access_log = true;
    auto proxy = std::make_unique<UdpProxy>(loop.get(), pool, strategy("hash"), std::move(options), log);
    open(*proxy);
    return proxy;
  }
  net::Fd client(const UdpProxy& proxy) {
    return std::move(net::connect_datagram(loopback(proxy.port())).value());
  }
  // What the target gets, and where an answer goes.
  struct Question {
    std::string text;
    net::SocketAddress from;
  };
  Question next(const net::Fd& at) {
    Question question;
    bool came = false;
    REQUIRE(loop.run_until([&] {
      if (came) return true;
      char bytes[4'096];
      question.from.length = sizeof question.from.storage;
      const ssize_t got =
          ::recvfrom(at.get(), bytes, sizeof bytes, MSG_DONTWAIT, question.from.raw(), &question.from.length);
      if (got >= 0) question.text.assign(bytes, static_cast<std::size_t>(got));
      return came = got >= 0;
    }));
    return question;
  }
  void answer(const net::Fd& at, const net::SocketAddress& to, std::string_view text) {
    REQUIRE(::sendto(at.get(), text.data(), text.size(), 0, to.raw(), to.length) ==
            static_cast<ssize_t>(text.size()));
  }
  void check_carries(const net::Fd& client, const net::Fd& at) {
    say(client, "ping");
    const Question question = next(at);
    CHECK(question.text == "ping");
    answer(at, question.from, "pong");
    CHECK(hear(client, 4) == "pong");
  }
};

}  // namespace

TEST_CASE("a session and what is counted of it") {
  UdpFixture world;
  UdpOptions options;
  options.idle = 60ms;
  const auto proxy = world.make(options);
  const net::Fd client = world.client(*proxy);
  world.check_carries(client, world.target);
  CHECK(proxy->stats().sessions_begun == 1);
  CHECK(proxy->stats().sessions == 1);
  CHECK(proxy->stats().datagrams_in == 1);
  CHECK(proxy->stats().datagrams_out == 1);
  CHECK(proxy->stats().bytes_in == 4);
  CHECK(proxy->stats().bytes_out == 4);
  CHECK(world.loop.run_until([&] { return proxy->stats().sessions == 0; }));
  CHECK(proxy->stats().datagrams_dropped == 0);
  CHECK(proxy->stats().sessions_evicted == 0);
  REQUIRE(world.log.all.size() == 1);
  CHECK(world.log.all[0].target == world.id);
  CHECK(world.log.all[0].bytes_in == 4);
  world.close(*proxy);
}

TEST_CASE("a session that owes no reply ends at once") {
  UdpFixture world;
  UdpOptions options;
  options.replies = 1;
  const auto proxy = world.make(options);
  const net::Fd client = world.client(*proxy);
  world.check_carries(client, world.target);
  CHECK(proxy->stats().sessions == 0);  // `idle` would be a minute
  world.close(*proxy);
}

TEST_CASE("one session more than there are places takes the place of another") {
  UdpFixture world;
  UdpOptions options;
  options.sessions = 1;
  const auto proxy = world.make(options);
  const net::Fd first = world.client(*proxy);
  const net::Fd second = world.client(*proxy);
  world.check_carries(first, world.target);
  world.check_carries(second, world.target);
  CHECK(proxy->stats().sessions == 1);
  CHECK(proxy->stats().sessions_evicted == 1);
  CHECK(proxy->stats().sessions_begun == 2);
  world.close(*proxy);
}

TEST_CASE(
    "a loop without a session serves a new client though all places are taken, and another loop ends one") {
  UdpFixture world;
  UdpOptions options;
  options.sessions = 3;
  options.gate = make_gate(options);
  const auto crowded = world.make(options);
  const auto empty = world.make(options);
  std::vector<net::Fd> clients;
  for (int i = 0; i < 3; ++i) world.check_carries(clients.emplace_back(world.client(*crowded)), world.target);
  const net::Fd late = world.client(*empty);
  world.check_carries(late, world.target);
  CHECK(world.loop.run_until([&] { return crowded->stats().sessions == 2; }));
  CHECK(crowded->stats().sessions_evicted == 1);
  CHECK(empty->stats().sessions == 1);
  CHECK(options.gate->inside() == 3);
  world.close(*crowded);
  world.close(*empty);
  CHECK(options.gate->inside() == 0);
}

TEST_CASE("with fewer places than loops each loop serves a client at a time") {
  UdpFixture world;
  UdpOptions options;
  options.sessions = 1;
  options.gate = make_gate(options);
  const auto one = world.make(options);
  const auto other = world.make(options);
  for (int i = 0; i < 5; ++i) {
    world.check_carries(world.client(*one), world.target);
    world.check_carries(world.client(*other), world.target);
  }
  CHECK(options.gate->inside() == 2);
  world.close(*one);
  world.close(*other);
}

TEST_CASE("those that go on for a port have the places of the sessions that end with it") {
  UdpFixture world;
  UdpOptions options;
  options.sessions = 2;
  options.gate = make_gate(options);
  const auto before = world.make(options);
  const net::Fd one = world.client(*before);
  const net::Fd two = world.client(*before);
  world.check_carries(one, world.target);
  world.check_carries(two, world.target);
  const auto after = world.make(options);
  before->drain([] {});
  CHECK(options.gate->inside() == 0);
  world.check_carries(world.client(*after), world.target);
  world.check_carries(world.client(*after), world.target);
  CHECK(after->stats().sessions == 2);
  world.close(*before);
  CHECK(options.gate->inside() == 2);
  world.close(*after);
  CHECK(options.gate->inside() == 0);
}

TEST_CASE("without a target datagrams are dropped, and counted") {
  UdpFixture world;
  REQUIRE(world.pool.remove(world.id));
  const auto proxy = world.make();
  const net::Fd client = world.client(*proxy);
  say(client, "ping");
  CHECK(world.loop.run_until([&] { return proxy->stats().datagrams_dropped == 1; }));
  world.close(*proxy);
}

TEST_CASE("a target that nobody is at is told of, and counted") {
  UdpFixture world;
  world.target.reset();
  const auto proxy = world.make();
  const net::Fd client = world.client(*proxy);
  say(client, "ping");
  CHECK(world.loop.run_until([&] { return proxy->stats().unreachable == 1; }));
  world.close(*proxy);
}

TEST_CASE("drain() turns new clients away, lets sessions go on, and tells when they are idle") {
  UdpFixture world;
  UdpOptions options;
  options.idle = 200ms;
  const auto proxy = world.make(options);
  const net::Fd client = world.client(*proxy);
  world.check_carries(client, world.target);
  bool drained = false;
  proxy->drain([&] { drained = true; });
  const net::Fd late = world.client(*proxy);
  say(late, "late");
  world.check_carries(client, world.target);  // nothing of the other one came before
  CHECK(proxy->stats().sessions_begun == 1);
  CHECK_FALSE(drained);
  CHECK(world.loop.run_until([&] { return drained; }));
  CHECK(proxy->stats().sessions == 0);
  world.close(*proxy);
}

TEST_CASE("a udp proxy may be closed from its drained callback, and destroyed in closed") {
  UdpFixture world;
  const bool with_session = GENERATE(false, true);
  UdpOptions options;
  options.idle = 50ms;
  auto proxy = world.make(options);
  const auto neighbour = world.make();
  const net::Fd client = world.client(*proxy);
  if (with_session) world.check_carries(client, world.target);
  proxy->drain([&] { proxy->close([&] { proxy.reset(); }); });
  CHECK(world.loop.run_until([&] { return proxy == nullptr; }));
  const net::Fd other = world.client(*neighbour);
  world.check_carries(other, world.target);
  world.close(*neighbour);
}

TEST_CASE("close() ends sessions at once, each with its record") {
  UdpFixture world;
  const auto proxy = world.make();
  const net::Fd first = world.client(*proxy);
  const net::Fd second = world.client(*proxy);
  world.check_carries(first, world.target);
  world.check_carries(second, world.target);
  world.close(*proxy);
  CHECK(world.log.all.size() == 2);
  CHECK(proxy->stats().sessions == 0);
}

TEST_CASE("a tcp and a udp proxy of one loop close independently") {
  UdpFixture world;
  const auto udp = world.make();
  {
    TcpProxy tcp(world.loop.get(), world.pool, world.strategy(), {}, world.log);
    REQUIRE(tcp.listen({}));
    world.close(tcp);
  }
  const net::Fd client = world.client(*udp);
  world.check_carries(client, world.target);
  world.close(*udp);
}
