#include "net/handover.hpp"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "net/frames.hpp"
#include "net/shared_reactor.hpp"
#include "proxy/loop_fixture.hpp"
#include "support/handover_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

std::size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  REQUIRE(directory != nullptr);
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

std::string text_of(const net::SocketAddress& address) {
  char text[net::max_ip_text];
  return std::string(net::ip_text(net::PeerIp::of(address), text)) + " " + std::to_string(address.port());
}

struct Keeper final : net::Acceptor {
  std::vector<net::Accepted> all;
  void on_accepted(net::Accepted accepted) noexcept override { all.push_back(std::move(accepted)); }
};

struct World {
  testing::Loop loop;
  net::SharedReactor shared{loop.get()};
  Keeper keeper;
  net::HandoverListener listener{shared.get(), keeper};
  net::Fd other;

  World() {
    auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
    REQUIRE(listener.open(std::move(ours)));
    other = std::move(theirs);
  }
  ~World() {
    listener.close();
    shared.leave();
  }
};

}  // namespace

TEST_CASE("a connection that is handed over: whose it is, and where to") {
  World world;
  const net::Fd v4 = hand_over(world.other);
  const net::Fd v6 =
      hand_over(world.other, "src=[fd7a:115c:a1e0::2]:1 dst=[fd7a:115c:a1e0::1]:65535 funnel=1");
  REQUIRE(world.loop.run_until([&] { return world.keeper.all.size() == 2; }));
  const net::Accepted& first = world.keeper.all[0];
  CHECK(text_of(first.peer) == "100.64.0.2 41000");
  CHECK(text_of(first.local) == "100.64.0.1 443");
  CHECK_FALSE(first.from_internet);
  CHECK((::fcntl(first.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(first.fd.get(), F_GETFL) & O_NONBLOCK) != 0);
  const net::Accepted& second = world.keeper.all[1];
  CHECK(text_of(second.peer) == "fd7a:115c:a1e0::2 1");
  CHECK(text_of(second.local) == "fd7a:115c:a1e0::1 65535");
  CHECK(second.from_internet);
  CHECK(world.listener.lost() == 0);
}

TEST_CASE("a socket that would block is made one that does not") {
  World world;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const net::Fd client(ends[0]);
  REQUIRE(send_message(world.other, a_client, {ends[1]}));
  ::close(ends[1]);
  REQUIRE(world.loop.run_until([&] { return world.keeper.all.size() == 1; }));
  CHECK((::fcntl(world.keeper.all[0].fd.get(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("messages that are no connection are closed and counted") {
  const auto text = GENERATE(
      as<std::string>{}, "", "src=100.64.0.2:41000", "src=100.64.0.2 dst=100.64.0.1:443 funnel=0",
      "src=100.64.0.2:70000 dst=100.64.0.1:443 funnel=0", "src=100.64.0.2:1 dst=100.64.0.1:443 funnel=2",
      "src=100.64.0.2:1 dst=100.64.0.1:443 funnel=0 ", "src=100.64.0.2:1 dst=100.64.0.1:443  funnel=0",
      "src=fd7a::1:1 dst=100.64.0.1:443 funnel=0", "src=[100.64.0.2]:1 dst=100.64.0.1:443 funnel=0",
      "src=[]:1 dst=100.64.0.1:443 funnel=0", "src=x:1 dst=100.64.0.1:443 funnel=0",
      "dst=100.64.0.2:1 src=100.64.0.1:443 funnel=0", std::string(200, 'x'));
  World world;
  const std::size_t before = open_descriptors();
  {
    auto [client, server] = socket_pair(SOCK_STREAM);
    REQUIRE(send_message(world.other, text, {server.get()}));
    server.reset();
    char byte = 0;
    CHECK(world.loop.run_until([&] { return ::recv(client.get(), &byte, 1, 0) == 0; }));
  }
  CHECK(world.listener.lost() == 1);
  CHECK(world.listener.is_open());
  const net::Fd good = hand_over(world.other);
  REQUIRE(world.loop.run_until([&] { return world.keeper.all.size() == 1; }));
  CHECK(open_descriptors() == before + 2);
}

TEST_CASE("a message with no descriptor or with too many leaks none") {
  World world;
  const std::size_t before = open_descriptors();
  REQUIRE(send_message(world.other, a_client, {}));
  for (const int count : {2, 3}) {
    auto [client, server] = socket_pair(SOCK_STREAM);
    const int fd = server.get();
    REQUIRE(send_message(
        world.other, a_client,
        count == 2 ? std::initializer_list<int>{fd, fd} : std::initializer_list<int>{fd, fd, fd}));
  }
  CHECK(world.loop.run_until([&] { return world.listener.lost() == 3; }));
  CHECK(open_descriptors() == before);
  CHECK(world.keeper.all.empty());
}

TEST_CASE("out of descriptors: the connection is lost, the next ones wait") {
  World world;
  // UBSan needs a descriptor of its own when it meets a type for the first time.
  const net::Fd before_that = hand_over(world.other);
  REQUIRE(world.loop.run_until([&] { return world.keeper.all.size() == 1; }));
  world.keeper.all.clear();
  const net::Fd lost = hand_over(world.other);
  const net::Fd kept = hand_over(world.other);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int highest = ::dup(world.other.get());
  ::close(highest);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(highest);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool seen = world.loop.run_until([&] { return world.listener.lost() == 1; });
  ::setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE(seen);
  CHECK(world.keeper.all.empty());
  CHECK(world.loop.run_until([&] { return world.keeper.all.size() == 1; }));
  CHECK(world.listener.lost() == 1);
}

TEST_CASE("the other side closes: the listener is over, and the loop idle") {
  World world;
  const net::Fd last = hand_over(world.other);
  world.other.reset();
  CHECK(world.loop.run_until([&] { return !world.listener.is_open(); }));
  CHECK(world.keeper.all.size() == 1);
}

TEST_CASE("loops that share a descriptor get each connection once") {
  testing::Loop loops[2];
  net::SharedReactor reactors[2] = {net::SharedReactor(loops[0].get()), net::SharedReactor(loops[1].get())};
  Keeper keepers[2];
  net::HandoverListener listeners[2] = {{reactors[0].get(), keepers[0]}, {reactors[1].get(), keepers[1]}};
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  REQUIRE(listeners[0].open(net::Fd(::dup(ours.get()))));
  REQUIRE(listeners[1].open(std::move(ours)));
  std::vector<net::Fd> clients;
  const auto count = [&] { return keepers[0].all.size() + keepers[1].all.size(); };
  for (std::size_t i = 0; i < 64; ++i) {
    clients.push_back(hand_over(theirs));
    testing::Loop& first = loops[i % 2];
    if (i % 3 == 2) {
      CHECK(first.run_until([&] { return count() == i + 1; }));
      CHECK(loops[(i + 1) % 2].run_until([&] { return count() == i + 1; }));
    }
  }
  CHECK(loops[0].run_until([&] { return count() == clients.size(); }));
  CHECK(keepers[0].all.size() > 8);
  CHECK(keepers[1].all.size() > 8);
  for (net::HandoverListener& listener : listeners) listener.close();
  for (net::SharedReactor& reactor : reactors) reactor.leave();
}

TEST_CASE("frames that are none are marked, and the end is seen behind those that came before") {
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  const auto send = [&](std::string_view bytes) {
    REQUIRE(::send(theirs.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  };
  send(frame(2, 9, "hello"));
  send(frame(2, 9, ""));
  send("short");
  std::string odd = frame(2, 9, "x");
  odd[1] = 1;
  send(odd);
  odd = frame(2, 9, "x");
  odd[19] = 1;
  send(odd);
  odd = frame(2, 9, "x");
  odd[0] = 5;
  send(odd);
  std::string no_family(20, '\0');
  no_family += 'x';
  send(no_family);
  theirs.reset();
  net::DatagramBatch batch;
  bool emptied = false;
  const auto received = batch.receive(ours.get(), emptied);
  REQUIRE(received);
  REQUIRE(net::take_frames(*received) == 7);
  CHECK(received->size() > 7);
  const auto& all = *received;
  CHECK(std::string_view(all[0].bytes.data(), all[0].bytes.size()) == "hello");
  CHECK(all[0].peer == all[1].peer);
  CHECK(all[0].peer.ip().port == 9);
  CHECK(all[1].bytes.empty());
  for (std::size_t i = 0; i < 7; ++i) CHECK(all[i].truncated == (i >= 2));
}

TEST_CASE("trains go as frames, each with the header of its client, and what does not fit is counted") {
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  std::string bytes = "aabbc";
  std::string sent = frame(2, 9, "whole");
  net::Datagrams received[1];
  received[0].bytes = sent;
  REQUIRE(net::take_frames(received) == 1);
  net::Datagrams train = received[0];
  train.bytes = bytes;
  train.segment = 2;
  const net::Datagrams all[] = {train, received[0]};
  CHECK(net::send_frames(ours.get(), all) == 0);
  for (const std::string_view piece : {"aa", "bb", "c", "whole"}) {
    char got[64];
    const ssize_t length = ::recv(theirs.get(), got, sizeof got, 0);
    REQUIRE(length > 0);
    CHECK(std::string_view(got, static_cast<std::size_t>(length)) == frame(2, 9, piece));
  }
  std::size_t lost = 0;
  for (int i = 0; i < 1'000 && lost == 0; ++i) lost = net::send_frames(ours.get(), all);
  CHECK(lost > 0);
  theirs.reset();
  CHECK(net::send_frames(ours.get(), all) == 4);
}
