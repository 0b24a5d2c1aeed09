#include "evenkeel/tcp_proxy.hpp"

#include <poll.h>
#include <stdexcept>

#include "proxy/port_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

enum class End { none, fin, rst };

// Asked any number of times: recv(2) would tell of a reset once.
End end_of(const net::Fd& fd) {
  pollfd state{fd.get(), POLLRDHUP, 0};
  ::poll(&state, 1, 0);
  if ((state.revents & POLLERR) != 0) return End::rst;
  return (state.revents & POLLRDHUP) != 0 ? End::fin : End::none;
}

struct TcpFixture : PortFixture {
  net::Fd target = listener();
  std::string id = add(Scheme::tcp, port_of(target));

  std::unique_ptr<TcpProxy> make(TcpOptions options = {}, std::string_view by = "roundrobin") {
    options.access_log = true;
    auto proxy = std::make_unique<TcpProxy>(loop.get(), pool, strategy(by), std::move(options), log);
    open(*proxy);
    return proxy;
  }
  net::Fd accept(const net::Fd& from) {
    net::Fd fd;
    REQUIRE(loop.run_until([&] {
      if (fd) return true;
      if (Result<net::Accepted> accepted = net::accept_stream(from.get())) fd = std::move(accepted->fd);
      return static_cast<bool>(fd);
    }));
    return fd;
  }
  bool ends(const net::Fd& fd, End how) {
    return loop.run_until([&] { return end_of(fd) != End::none; }) && end_of(fd) == how;
  }
  void check_carries(const net::Fd& client, const net::Fd& at_target) {
    say(client, "ping");
    CHECK(hear(at_target, 4) == "ping");
    say(at_target, "pong");
    CHECK(hear(client, 4) == "pong");
  }
};

TcpOptions draining_within(std::chrono::milliseconds time) {
  TcpOptions options;
  options.timeouts.drain = time;
  return options;
}

}  // namespace

TEST_CASE("a target that is drained loses its connections after timeouts.drain, and without it none") {
  TcpFixture world;
  const auto limited = world.make(draining_within(50ms));
  const auto patient = world.make();
  const net::Fd ending = connect_to(limited->port());
  const net::Fd ending_at_target = world.accept(world.target);
  const net::Fd staying = connect_to(patient->port());
  const net::Fd staying_at_target = world.accept(world.target);
  world.check_carries(ending, ending_at_target);

  const bool removed = GENERATE(false, true);
  if (removed) {
    REQUIRE(world.pool.remove(world.id));
  } else {
    REQUIRE(world.pool.set_admin(world.id, AdminState::draining));
  }
  const std::uint64_t begun = uv_hrtime();
  world.loop.run_until([&] { return end_of(ending) != End::none; });
  CHECK(uv_hrtime() - begun >= 40'000'000U);
  CHECK(end_of(ending) == End::rst);
  CHECK(world.ends(ending_at_target, End::rst));
  REQUIRE(world.log.all.size() == 1);
  CHECK(world.log.all[0].error == "drain_timeout");
  CHECK(world.log.all[0].bytes_in == 4);
  world.check_carries(staying, staying_at_target);
  CHECK(patient->stats().connections == 1);
  world.close(*limited);
  world.close(*patient);
}

TEST_CASE("a target that is in use again keeps its connections") {
  TcpFixture world;
  const net::Fd other = listener();
  const std::string other_id = world.add(Scheme::tcp, port_of(other));
  const auto proxy = world.make(draining_within(100ms), "first");
  const net::Fd staying = connect_to(proxy->port());
  const net::Fd staying_at_target = world.accept(world.target);
  REQUIRE(world.pool.set_admin(world.id, AdminState::draining));
  const net::Fd ending = connect_to(proxy->port());
  const net::Fd ending_at_target = world.accept(other);
  REQUIRE(world.pool.set_admin(world.id, AdminState::enabled));
  REQUIRE(world.pool.set_admin(other_id, AdminState::draining));
  // Its time began later.
  CHECK(world.ends(ending, End::rst));
  CHECK(end_of(staying) == End::none);
  world.check_carries(staying, staying_at_target);
  world.close(*proxy);
}

TEST_CASE("drain() refuses new clients, and tells when the last connection has ended") {
  TcpFixture world;
  const auto proxy = world.make();
  const std::uint16_t port = proxy->port();
  net::Fd client = connect_to(port);
  const net::Fd at_target = world.accept(world.target);
  bool drained = false;
  proxy->drain([&] { drained = true; });
  const net::Fd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(::connect(late.get(), loopback(port).raw(), loopback(port).length) != 0);
  world.check_carries(client, at_target);
  CHECK_FALSE(drained);
  client.reset();
  CHECK(world.ends(at_target, End::fin));
  ::shutdown(at_target.get(), SHUT_WR);
  CHECK(world.loop.run_until([&] { return drained; }));
  CHECK(proxy->stats().connections == 0);
  world.close(*proxy);
}

TEST_CASE("close() may be called from within the drained callback, and the proxy destroyed in closed") {
  TcpFixture world;
  const bool with_connection = GENERATE(false, true);
  auto proxy = world.make();
  const auto neighbour = world.make();
  net::Fd client;
  net::Fd at_target;
  if (with_connection) {
    client = connect_to(proxy->port());
    at_target = world.accept(world.target);
  }
  proxy->drain([&] { proxy->close([&] { proxy.reset(); }); });
  at_target.reset();
  client.reset();
  // The pool must not wake what is gone: this test publishes nothing.
  CHECK(world.loop.run_until([&] { return proxy == nullptr; }));
  // The reactor that the two shared serves the other one still.
  const net::Fd other = connect_to(neighbour->port());
  const net::Fd other_at_target = world.accept(world.target);
  world.check_carries(other, other_at_target);
  world.close(*neighbour);
}

TEST_CASE("close() cuts what is under way, so that neither side takes it for an orderly end") {
  TcpFixture world;
  const auto proxy = world.make();
  const net::Fd client = connect_to(proxy->port());
  const net::Fd at_target = world.accept(world.target);
  world.check_carries(client, at_target);
  world.close(*proxy);
  CHECK(end_of(client) == End::rst);
  CHECK(end_of(at_target) == End::rst);
  CHECK(world.log.all.at(0).error == "drain_timeout");
  world.close(*world.make());  // the loop is as good as new
}

TEST_CASE("stats of what goes well") {
  TcpFixture world;
  const auto proxy = world.make();
  net::Fd client = connect_to(proxy->port());
  net::Fd at_target = world.accept(world.target);
  world.check_carries(client, at_target);
  CHECK(proxy->stats().connections_accepted == 1);
  CHECK(proxy->stats().connections == 1);
  say(client, "more");
  client.reset();
  CHECK(world.hear(at_target, 4) == "more");
  at_target.reset();
  CHECK(world.loop.run_until([&] { return proxy->stats().connections == 0; }));
  CHECK(proxy->stats().bytes_in == 8);
  CHECK(proxy->stats().bytes_out == 4);
  CHECK(proxy->stats().connections_refused == 0);
  CHECK(proxy->stats().connections_failed == 0);
  CHECK(proxy->stats().retries == 0);
  world.close(*proxy);
}

TEST_CASE("stats of what is refused, waits, and fails") {
  TcpFixture world;
  TcpOptions options;
  options.limits = {.connections = 1, .queue = 1};
  const auto proxy = world.make(options);
  net::Fd inside = connect_to(proxy->port());
  net::Fd at_target = world.accept(world.target);
  const net::Fd waiting = connect_to(proxy->port());
  const net::Fd refused = connect_to(proxy->port());
  CHECK(world.ends(refused, End::rst));
  CHECK(proxy->stats().connections_refused == 1);
  CHECK(proxy->stats().waiting == 1);
  CHECK(proxy->stats().connections == 2);
  world.target.reset();  // from now on it refuses
  inside.reset();
  at_target.reset();
  CHECK(world.ends(waiting, End::rst));
  CHECK(proxy->stats().waiting == 0);
  CHECK(proxy->stats().connections_failed == 1);
  CHECK(proxy->stats().connections == 0);
  CHECK(proxy->stats().connections_accepted == 3);
  world.close(*proxy);
}

TEST_CASE("a connect that goes on to another target is a retry") {
  TcpFixture world;
  const net::Fd other = listener();
  world.add(Scheme::tcp, port_of(other));
  world.target.reset();
  const auto proxy = world.make({}, "first");
  const net::Fd client = connect_to(proxy->port());
  const net::Fd at_target = world.accept(other);
  world.check_carries(client, at_target);
  CHECK(proxy->stats().retries == 1);
  CHECK(proxy->stats().connections_failed == 0);
  world.close(*proxy);
}

TEST_CASE("proxies that share a gate count together") {
  TcpFixture world;
  TcpOptions options;
  options.limits = {.connections = 1, .queue = 1};
  options.gate = make_gate(options);
  const auto one = world.make(options);
  const auto two = world.make(options);
  net::Fd inside = connect_to(one->port());
  net::Fd inside_at_target = world.accept(world.target);
  const net::Fd waiting = connect_to(two->port());
  const net::Fd refused = connect_to(two->port());
  CHECK(world.ends(refused, End::rst));
  inside.reset();
  inside_at_target.reset();
  const net::Fd at_target = world.accept(world.target);
  world.check_carries(waiting, at_target);
  CHECK(options.gate->inside() == 1);
  world.close(*one);
  world.close(*two);
  CHECK(options.gate->inside() == 0);
  CHECK(options.gate->waiting() == 0);
}

TEST_CASE("a list of peers that holds what is no address is an error of the host's") {
  TcpFixture world;
  TcpOptions options;
  options.accept_proxy_protocol = {"10.0.0.0/8", "not an address"};
  CHECK_THROWS_AS(TcpProxy(world.loop.get(), world.pool, world.strategy(), options, world.log),
                  std::invalid_argument);
}

namespace {

// Knows everybody to be the same one, and says so when told to.
struct OneIdentity final : IdentitySource {
  Query identify(std::string_view ip, std::uint16_t, Callback done) noexcept override {
    asked_about = ip;
    if (at_once) {
      done({answer, {}});
      return nullptr;
    }
    waiting = std::move(done);
    return std::make_unique<Question>(*this);
  }
  struct Question final : Pending {
    explicit Question(OneIdentity& its_source) : source(its_source) {}
    ~Question() override { source.waiting = nullptr; }
    OneIdentity& source;
  };

  Who answer = nullptr;
  bool at_once = false;
  Callback waiting;
  std::string asked_about;
};

struct AllowFixture : TcpFixture {
  AllowFixture() {
    auto list = std::make_shared<AccessList>();
    REQUIRE(list->add("ana@example.com"));
    options.allow = list;
    options.identity = source;
  }
  static std::shared_ptr<const Identity> user(std::string login) {
    Identity who;
    who.login = std::move(login);
    return std::make_shared<const Identity>(std::move(who));
  }
  std::shared_ptr<OneIdentity> source = std::make_shared<OneIdentity>();
  TcpOptions options;
};

}  // namespace

TEST_CASE("a client on the list goes to a target, once it is known to be on it") {
  AllowFixture world;
  world.source->at_once = GENERATE(false, true);
  world.source->answer = AllowFixture::user("ana@example.com");
  const auto proxy = world.make(world.options);
  const net::Fd client = connect_to(proxy->port());
  if (!world.source->at_once) {
    REQUIRE(world.loop.run_until([&] { return static_cast<bool>(world.source->waiting); }));
    CHECK_FALSE(net::accept_stream(world.target.get()));
    const auto answer = world.source->waiting;
    answer({world.source->answer, {}});
  }
  const net::Fd at_target = world.accept(world.target);
  CHECK(world.source->asked_about == "127.0.0.1");
  world.check_carries(client, at_target);
  world.close(*proxy);
}

TEST_CASE("whoever is not on the list is reset, and no target hears of it") {
  AllowFixture world;
  world.source->at_once = true;
  const auto [answer, error] = GENERATE(table<IdentitySource::Who, std::string>(
      {{nullptr, "not_allowed"},
       {AllowFixture::user("bo@example.com"), "not_allowed"},
       {std::unexpected(Error{ErrorCode::response_timeout, Fault::us, true, 0}), "response_timeout"}}));
  world.source->answer = answer;
  const auto proxy = world.make(world.options);
  const net::Fd client = connect_to(proxy->port());
  CHECK(world.ends(client, End::rst));
  CHECK_FALSE(net::accept_stream(world.target.get()));
  REQUIRE(world.log.all.size() == 1);
  CHECK(world.log.all[0].error == error);
  world.close(*proxy);
}

TEST_CASE("a proxy that closes while a client is asked about takes the question back") {
  AllowFixture world;
  const auto proxy = world.make(world.options);
  const net::Fd client = connect_to(proxy->port());
  REQUIRE(world.loop.run_until([&] { return static_cast<bool>(world.source->waiting); }));
  world.close(*proxy);
  CHECK_FALSE(world.source->waiting);
}
