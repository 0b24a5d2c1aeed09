// How the loop's time is shared out.
#include "net/reactor.hpp"

#include <array>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <uv.h>

#include "net/fd.hpp"

using namespace evenkeel;
using namespace evenkeel::net;

namespace {

// A client that the kernel reports in each turn, and whose handshake takes all the time that there is.
class Newcomer final : public IoHandler {
 public:
  Newcomer(Reactor& reactor, const Fd& fd, const Fd& peer)
      : reactor_(reactor), fd_(fd.get()), peer_(peer.get()) {
    knock();
  }
  void on_io(unsigned) noexcept override {
    if (const std::uint64_t begun = reactor_.begin_handshake(); begun != 0) {
      while (uv_hrtime() - begun < Reactor::handshake_ns_a_part) {
      }
      reactor_.end_handshake(begun);
      ++served;
    }
    reactor_.poller().used_up(fd_, io::readable, true);
    knock();
  }
  int served = 0;

 private:
  void knock() const { (void)!::write(peer_, "x", 1); }
  Reactor& reactor_;
  int fd_;
  int peer_;
};

class PassedOver final : public IoHandler {
 public:
  PassedOver(Reactor& reactor, const Fd& fd) : reactor_(reactor), fd_(fd.get()) {}
  void on_io(unsigned) noexcept override {
    if (served) return;
    const std::uint64_t begun = reactor_.begin_handshake();
    if (begun == 0) return reactor_.poller().note_readable(fd_);
    reactor_.end_handshake(begun);
    reactor_.poller().used_up(fd_, io::readable, true);
    served = true;
  }
  bool served = false;

 private:
  Reactor& reactor_;
  int fd_;
};

std::pair<Fd, Fd> socket_pair() {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

}  // namespace

TEST_CASE("a handshake that was passed over has its turn, however many new ones come") {
  uv_loop_t loop;
  uv_loop_init(&loop);
  {
    Reactor reactor(&loop);
    auto [busy, busy_peer] = socket_pair();
    auto [late, late_peer] = socket_pair();
    Newcomer newcomer(reactor, busy, busy_peer);
    PassedOver passed_over(reactor, late);
    REQUIRE(reactor.poller().watch(busy.get(), io::readable, newcomer));
    for (int turn = 0; turn < 3; ++turn) uv_run(&loop, UV_RUN_NOWAIT);
    REQUIRE(reactor.poller().watch(late.get(), io::readable, passed_over));
    REQUIRE(reactor.begin_handshake() == 0);
    reactor.poller().note_readable(late.get());
    for (int turn = 0; turn < 3; ++turn) uv_run(&loop, UV_RUN_NOWAIT);
    CHECK(passed_over.served);
    CHECK(newcomer.served > 3);
    reactor.poller().close(std::move(busy));
    reactor.poller().close(std::move(late));
    reactor.close();
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  CHECK(uv_loop_close(&loop) == 0);
}
