// bench_udp_backend PORT...: echoes, counts or sends datagrams as udp_wire.hpp says, until it is killed.
#include <array>
#include <cstdint>
#include <cstdio>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "load/datagrams.hpp"
#include "load/epoll.hpp"
#include "load/sequence_set.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace wire = evenkeel::bench::udp_wire;

namespace {

constexpr std::size_t batch = 64;
constexpr std::size_t train_bytes = 65'536;

class Backend {
 public:
  bool listen(std::uint16_t port) {
    evenkeel::net::Fd fd = bench::udp_socket(INADDR_LOOPBACK, port);
    if (!fd || !epoll_.add(fd.get(), EPOLLIN, static_cast<std::uint32_t>(fd.get()))) return false;
    bench::want_trains(fd.get());
    sockets_.push_back(std::move(fd));
    return true;
  }

  void run() {
    while (true) {
      for (const epoll_event& event : epoll_.wait(-1)) serve(static_cast<int>(event.data.u32));
    }
  }

 private:
  void serve(int fd) {
    const std::size_t count = in_.receive(fd);
    for (std::size_t i = 0; i < count; ++i) {
      in_.each(i, [&](std::span<char> datagram, const bench::Inbox::Message& message) {
        answer(fd, datagram, *message.from);
      });
    }
    out_.send(fd);
  }

  void answer(int fd, std::span<char> datagram, const sockaddr_in& from) {
    auto head = wire::head_of(datagram);
    if (!head) return;
    switch (head->kind) {
      case wire::Kind::count:
        if (head->run != run_) {
          run_ = head->run;
          counted_ = {};
        }
        counted_.add(head->sequence);
        return;
      case wire::Kind::train:
        return train_.send(fd, &from, *head, wire::Kind::count);
      case wire::Kind::query:
        head->sequence = head->run == run_ ? counted_.count() : 0;
        wire::put(*head, datagram);
        break;
      case wire::Kind::echo:
        break;
    }
    out_.add(datagram, from);
    if (out_.full()) out_.send(fd);
  }

  bench::Epoll epoll_;
  std::vector<evenkeel::net::Fd> sockets_;
  bench::Inbox in_{batch, train_bytes};
  bench::Outbox out_{batch};
  bench::Train train_;
  std::uint64_t run_ = 0;
  bench::SequenceSet counted_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: bench_udp_backend PORT...\n"), 2;
  Backend backend;
  for (int i = 1; i < argc; ++i) {
    const auto port = bench::port_of(argv[i]);
    if (!port) return std::fprintf(stderr, "bench_udp_backend: %s is not a port\n", argv[i]), 2;
    if (!backend.listen(*port)) return std::perror("bench_udp_backend: bind"), 3;
  }
  backend.run();
}
