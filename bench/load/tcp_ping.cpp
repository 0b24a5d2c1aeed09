// bench_tcp_ping PORT CONNECTIONS SECONDS BYTES: each connection sends BYTES, waits until they have come
// back, and sends the next. Prints {"done": N, "seconds": S}; fails when a byte is missing, wrong or too
// many.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/clock.hpp"
#include "load/epoll.hpp"
#include "load/tcp_exchange.hpp"
#include "load/tcp_wire.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

using namespace std::chrono_literals;
constexpr auto grace = 5s;  // for the last answers
using Exchange = bench::TcpExchange;

class Pingers {
 public:
  explicit Pingers(std::size_t bytes) : message_(bench::tcp_wire::message(bytes)) {}

  bool connect(std::uint16_t port) {
    Exchange exchange(bench::connect_to(port));
    if (!epoll_.add(exchange.fd(), EPOLLIN, static_cast<std::uint32_t>(exchanges_.size()))) return false;
    exchanges_.push_back(std::move(exchange));
    return true;
  }

  // False: a connection failed, or an answer was wrong or did not come.
  bool run(std::chrono::seconds length) {
    const auto end = bench::Clock::now() + length;
    for (Exchange& exchange : exchanges_) {
      if (!send(exchange)) return false;
    }
    while (waiting_ != 0) {
      const auto now = bench::Clock::now();
      if (now > end + grace) return false;
      for (const epoll_event& event : epoll_.wait(1'000)) {
        if (!on_readable(exchanges_[event.data.u32], now < end)) return false;
      }
    }
    return true;
  }

  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

 private:
  bool send(Exchange& exchange) {
    ++waiting_;
    return exchange.send(message_);
  }

  bool on_readable(Exchange& exchange, bool again) {
    const Exchange::State state = exchange.receive(message_);
    if (state != Exchange::State::done) return state == Exchange::State::waiting;
    ++done_;
    --waiting_;
    return !again || send(exchange);
  }

  const std::string message_;
  bench::Epoll epoll_;
  std::vector<Exchange> exchanges_;
  std::size_t waiting_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 5 ? bench::port_of(argv[1]) : std::nullopt;
  const auto connections = argc == 5 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto seconds = argc == 5 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 5 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  if (!port || !connections || !seconds || !size || *size > Exchange::most_bytes) {
    std::fprintf(stderr, "usage: bench_tcp_ping PORT CONNECTIONS SECONDS BYTES\n");
    return 2;
  }
  Pingers pingers(*size);
  for (unsigned i = 0; i < *connections; ++i) {
    if (!pingers.connect(*port)) return std::perror("bench_tcp_ping: connect"), 3;
  }
  const auto start = bench::Clock::now();
  if (!pingers.run(std::chrono::seconds(*seconds))) {
    std::fprintf(
        stderr,
        "bench_tcp_ping: after %llu round trips an answer was wrong or cut off, or %zu did not come\n",
        static_cast<unsigned long long>(pingers.done()), pingers.waiting());
    return 1;
  }
  std::printf("{\"done\": %llu, \"seconds\": %.3f}\n", static_cast<unsigned long long>(pingers.done()),
              bench::seconds_between(start, bench::Clock::now()));
}
