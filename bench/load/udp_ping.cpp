// bench_udp_ping PORT SOCKETS SECONDS BYTES: each socket sends a datagram of BYTES, waits for its echo, and
// sends the next. One that does not come within half a second is lost. Prints {"done": N, "sent": N, "lost":
// N, "seconds": S}; fails when nothing came back at all.
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "load/clock.hpp"
#include "load/datagrams.hpp"
#include "load/epoll.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace wire = evenkeel::bench::udp_wire;

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 500ms;

struct Pinger {
  evenkeel::net::Fd fd;
  bool waits = false;
  std::uint64_t sequence = 0;
  bench::Clock::time_point sent{};
};

class Pingers {
 public:
  explicit Pingers(std::size_t bytes) : bytes_(bytes) {}

  bool connect(std::uint16_t port) {
    evenkeel::net::Fd fd = bench::udp_connect(port);
    if (!fd || !epoll_.add(fd.get(), EPOLLIN, static_cast<std::uint32_t>(pingers_.size()))) return false;
    pingers_.push_back({.fd = std::move(fd)});
    return true;
  }

  void run(std::chrono::seconds length) {
    now_ = bench::Clock::now();
    const auto end = now_ + length;
    auto look = now_ + patience;
    for (Pinger& pinger : pingers_) send(pinger);
    while (now_ < end + patience && (now_ < end || waiting_ != 0)) {
      const auto events = epoll_.wait(bench::milliseconds_until(look, now_));
      now_ = bench::Clock::now();
      for (const epoll_event& event : events) on_readable(pingers_[event.data.u32], now_ < end);
      if (now_ < look) continue;
      look = now_ + patience / 5;
      for (Pinger& pinger : pingers_) {
        if (pinger.waits && now_ - pinger.sent > patience) give_up(pinger, now_ < end);
      }
    }
  }

  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  void send(Pinger& pinger) {
    // Unlike any other of the run, so that a late echo is not taken for the one that is waited for.
    pinger.sequence = sent_++;
    pinger.sent = now_;
    pinger.waits = true;
    ++waiting_;
    const auto datagram = std::span(datagram_).first(bytes_);
    wire::put({.kind = wire::Kind::echo, .sequence = pinger.sequence}, datagram);
    ::send(pinger.fd.get(), datagram.data(), datagram.size(), 0);
  }

  void give_up(Pinger& pinger, bool again) {
    pinger.waits = false;
    --waiting_;
    if (again) send(pinger);
  }

  void on_readable(Pinger& pinger, bool again) {
    std::array<char, wire::most_bytes + 1> bytes;
    const ssize_t count = ::recv(pinger.fd.get(), bytes.data(), bytes.size(), 0);
    if (count != static_cast<ssize_t>(bytes_)) return;
    const auto head = wire::head_of(bytes);
    if (!pinger.waits || head->sequence != pinger.sequence) return;
    ++done_;
    give_up(pinger, again);
  }

  const std::size_t bytes_;
  bench::Epoll epoll_;
  std::vector<Pinger> pingers_;
  std::array<char, wire::most_bytes> datagram_{};
  bench::Clock::time_point now_;
  std::size_t waiting_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 5 ? bench::port_of(argv[1]) : std::nullopt;
  const auto sockets = argc == 5 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto seconds = argc == 5 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 5 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  if (!port || !sockets || !seconds || !size || *size < sizeof(wire::Head) || *size > wire::most_bytes) {
    std::fprintf(stderr, "usage: bench_udp_ping PORT SOCKETS SECONDS BYTES\n");
    return 2;
  }
  Pingers pingers(*size);
  for (unsigned i = 0; i < *sockets; ++i) {
    if (!pingers.connect(*port)) return std::perror("bench_udp_ping: socket"), 3;
  }
  const auto start = bench::Clock::now();
  pingers.run(std::chrono::seconds(*seconds));
  if (pingers.done() == 0) return std::fprintf(stderr, "bench_udp_ping: nothing came back\n"), 1;
  std::printf("{\"done\": %llu, \"sent\": %llu, \"lost\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(pingers.done()),
              static_cast<unsigned long long>(pingers.sent()),
              static_cast<unsigned long long>(pingers.sent() - pingers.done()),
              bench::seconds_between(start, bench::Clock::now()));
}
