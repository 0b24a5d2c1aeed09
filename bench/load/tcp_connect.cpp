// bench_tcp_connect PORT TOGETHER SECONDS BYTES: opens connections, TOGETHER at a time; each sends BYTES,
// waits until they have come back, and is closed. Prints {"done": N, "seconds": S}; fails when a byte is
// missing or wrong.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/clock.hpp"
#include "load/epoll.hpp"
#include "load/tcp_exchange.hpp"
#include "load/tcp_wire.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

using namespace std::chrono_literals;
using Exchange = bench::TcpExchange;
constexpr auto grace = 5s;

class Visitors {
 public:
  Visitors(std::uint16_t port, std::size_t count, std::size_t bytes)
      : port_(port), message_(bench::tcp_wire::message(bytes)), visitors_(count) {}

  // False: a connection failed, or an answer was wrong or did not come; errno may tell.
  bool run(std::chrono::seconds length) {
    const auto end = bench::Clock::now() + length;
    for (std::uint32_t i = 0; i < visitors_.size(); ++i) {
      if (!open(i)) return false;
    }
    while (waiting_ != 0) {
      const auto now = bench::Clock::now();
      if (now > end + grace) return false;
      for (const epoll_event& event : epoll_.wait(1'000)) {
        if (!on_readable(event.data.u32, now < end)) return false;
      }
    }
    return true;
  }

  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

 private:
  bool open(std::uint32_t index) {
    Exchange& visitor = visitors_[index];
    visitor = Exchange(bench::connect_in_turn(index, port_));
    ++waiting_;
    return visitor.send(message_) && epoll_.add(visitor.fd(), EPOLLIN, index);
  }

  bool on_readable(std::uint32_t index, bool again) {
    const Exchange::State state = visitors_[index].receive(message_);
    if (state != Exchange::State::done) return state == Exchange::State::waiting;
    ++done_;
    --waiting_;
    visitors_[index].close();
    return !again || open(index);
  }

  const std::uint16_t port_;
  const std::string message_;
  bench::Epoll epoll_;
  std::vector<Exchange> visitors_;
  std::size_t waiting_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 5 ? bench::port_of(argv[1]) : std::nullopt;
  const auto together = argc == 5 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto seconds = argc == 5 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 5 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  if (!port || !together || !seconds || !size || *size > Exchange::most_bytes) {
    std::fprintf(stderr, "usage: bench_tcp_connect PORT TOGETHER SECONDS BYTES\n");
    return 2;
  }
  Visitors visitors(*port, *together, *size);
  const auto start = bench::Clock::now();
  if (!visitors.run(std::chrono::seconds(*seconds))) {
    std::perror("bench_tcp_connect");
    std::fprintf(stderr,
                 "after %llu connections one failed, an answer was wrong or cut off, or %zu did not come\n",
                 static_cast<unsigned long long>(visitors.done()), visitors.waiting());
    return 1;
  }
  std::printf("{\"done\": %llu, \"seconds\": %.3f}\n", static_cast<unsigned long long>(visitors.done()),
              bench::seconds_between(start, bench::Clock::now()));
}
