// Edge-triggered underneath, level-triggered to look at.
#include "net/poller.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <uv.h>

#include "net/fd.hpp"

using namespace evenkeel;
using namespace evenkeel::net;

namespace {

struct Handler final : IoHandler {
  void on_io(unsigned events) noexcept override {
    ++calls;
    last = events;
    if (then) then();
  }
  int calls = 0;
  unsigned last = io::none;
  std::function<void()> then;
};

struct PollerTest {
  PollerTest() {
    uv_loop_init(&loop);
    poller.emplace(&loop, [](void*) {}, nullptr);
  }
  ~PollerTest() {
    poller->close();
    uv_run(&loop, UV_RUN_DEFAULT);
    poller.reset();
    CHECK(uv_loop_close(&loop) == 0);
  }
  std::pair<Fd, Fd> pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {Fd(fds[0]), Fd(fds[1])};
  }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) uv_run(&loop, UV_RUN_NOWAIT);
  }
  // Reads like a Connection: says what the kernel said.
  void read_all(int fd) {
    std::array<char, 64> bytes{};
    while (::recv(fd, bytes.data(), bytes.size(), 0) > 0) {
    }
    poller->used_up(fd, io::readable, true);
  }

  uv_loop_t loop{};
  std::optional<Poller> poller;
};

void send_byte(const Fd& fd) {
  REQUIRE(::send(fd.get(), "x", 1, 0) == 1);
}

}  // namespace

TEST_CASE_METHOD(PollerTest, "poller: who does not use up what there is hears of it each turn") {
  auto [near, far] = pair();
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::readable, handler));
  send_byte(far);
  turn(3);
  CHECK(handler.calls >= 3);
  read_all(near.get());
  const int before = handler.calls;
  turn(3);
  CHECK(handler.calls == before);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: a socket that nobody reads does not spin") {
  auto [near, far] = pair();
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::none, handler));
  send_byte(far);
  turn(2);
  CHECK(handler.calls == 0);
  // The kernel has told once and does not tell again: the loop can sleep.
  CHECK(uv_backend_timeout(&loop) == -1);
  const std::uint64_t slept_from = uv_hrtime();
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, [](uv_timer_t*) {}, 20, 0);
  uv_run(&loop, UV_RUN_ONCE);
  CHECK(uv_hrtime() - slept_from >= 15'000'000);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  turn();
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: what came while nobody was interested is told when somebody is") {
  auto [near, far] = pair();
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::none, handler));
  send_byte(far);
  turn(2);
  REQUIRE(poller->watch(near.get(), io::readable, handler));
  CHECK(handler.calls == 0);  // never from within the call
  turn();
  CHECK(handler.last == io::readable);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: an end that came with the last bytes is not lost to a short read") {
  auto [near, far] = pair();
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::readable, handler));
  send_byte(far);
  far.reset();
  turn();
  REQUIRE(handler.calls == 1);
  std::array<char, 64> bytes{};
  REQUIRE(::recv(near.get(), bytes.data(), bytes.size(), 0) == 1);
  poller->used_up(near.get(), io::readable, false);
  turn();
  CHECK(handler.calls >= 2);
  CHECK(::recv(near.get(), bytes.data(), bytes.size(), 0) == 0);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: writable once, when a full socket has room again") {
  auto [near, far] = pair();
  Handler handler;
  const std::string block(1 << 16, 'x');
  while (::send(near.get(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
  }
  REQUIRE(poller->watch(near.get(), io::writable, handler));
  turn(3);
  CHECK(handler.calls == 0);
  std::string sink(1 << 20, '\0');
  while (::recv(far.get(), sink.data(), sink.size(), 0) > 0) {
  }
  turn(2);
  CHECK((handler.last & io::writable) != 0);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest,
                 "poller: a socket that fills up again is reported again, without another watch()") {
  auto [near, far] = pair();
  Handler handler;
  const std::string block(1 << 16, 'x');
  std::string sink(1 << 20, '\0');
  const auto fill = [&] {
    while (::send(near.get(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    poller->used_up(near.get(), io::writable, true);
  };
  handler.then = fill;
  REQUIRE(poller->watch(near.get(), io::writable, handler));
  for (int i = 0; i < 3; ++i) {
    turn(2);
    const int before = handler.calls;
    while (::recv(far.get(), sink.data(), sink.size(), 0) > 0) {
    }
    turn(2);
    CHECK(handler.calls > before);
  }
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: asking again finds what is left, and is silent when nothing is") {
  auto [near, far] = pair();
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::readable, handler));
  send_byte(far);
  send_byte(far);
  turn();
  REQUIRE(handler.calls == 1);
  char byte = 0;
  REQUIRE(::recv(near.get(), &byte, 1, 0) == 1);
  poller->ask_again(near.get());
  turn(2);
  REQUIRE(handler.calls >= 2);
  REQUIRE(::recv(near.get(), &byte, 1, 0) == 1);
  poller->ask_again(near.get());
  const int before = handler.calls;
  turn(3);
  CHECK(handler.calls == before);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: a closed socket hears nothing, not even what was found already") {
  auto [first, first_far] = pair();
  auto [second, second_far] = pair();
  Handler one;
  Handler two;
  // Whichever comes first ends the other.
  one.then = [&, &ended = second] { poller->close(std::move(ended)); };
  two.then = [&, &ended = first] { poller->close(std::move(ended)); };
  REQUIRE(poller->watch(first.get(), io::readable, one));
  REQUIRE(poller->watch(second.get(), io::readable, two));
  send_byte(first_far);
  send_byte(second_far);
  turn(3);
  CHECK((one.calls == 0 || two.calls == 0));
  poller->close(std::move(first ? first : second));
}

TEST_CASE_METHOD(PollerTest, "poller: a number that is used again belongs to its new socket") {
  Handler old_one;
  Handler new_one;
  int number = -1;
  {
    auto [near, far] = pair();
    number = near.get();
    REQUIRE(poller->watch(number, io::none, old_one));
    send_byte(far);
    turn();
    poller->close(std::move(near));
  }
  auto [near, far] = pair();
  REQUIRE((near.get() == number || far.get() == number));
  if (far.get() == number) std::swap(near, far);
  REQUIRE(poller->watch(number, io::readable, new_one));
  turn(2);
  CHECK(new_one.calls == 0);  // what the old one had is not remembered
  send_byte(far);
  turn();
  CHECK(new_one.calls == 1);
  CHECK(old_one.calls == 0);
  poller->close(std::move(near));
}

TEST_CASE_METHOD(PollerTest, "poller: a reset is told once, to one who does not read as well") {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  address.ss_family = AF_INET;
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  Fd far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(far.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  Fd near(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  Handler handler;
  REQUIRE(poller->watch(near.get(), io::none, handler));
  turn();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(far.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  far.reset();
  turn(4);
  CHECK(handler.calls == 1);
  CHECK((handler.last & io::failed) != 0);
  poller->close(std::move(near));
}
