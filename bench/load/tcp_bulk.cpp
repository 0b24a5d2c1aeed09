// bench_tcp_bulk PORT CONNECTIONS MIB SECONDS down|up: moves MIB mebibytes, shared out to the connections,
// from the backend or to it. Prints {"done": MIB, "seconds": S}; fails when that takes longer than SECONDS or
// a byte is missing or too many.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "load/clock.hpp"
#include "load/epoll.hpp"
#include "load/tcp_wire.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace wire = evenkeel::bench::tcp_wire;

namespace {

std::array<char, wire::piece> bytes_to_send;

struct Stream {
  evenkeel::net::Fd fd;
  std::size_t share = 0;
  std::size_t left = 0;
  std::size_t told = 0;  // bytes of the backend's count that have come
  std::array<char, wire::count_size> count{};
};

enum class State { going, done, failed };

class Streams {
 public:
  explicit Streams(bool up) : up_(up) {}

  bool open(std::uint16_t port, std::size_t share) {
    Stream stream{.fd = bench::connect_to(port), .share = share, .left = share};
    const wire::Order order = wire::order(up_ ? wire::upload : wire::download, share);
    if (!stream.fd || ::send(stream.fd.get(), order.data(), order.size(), MSG_NOSIGNAL) !=
                          static_cast<ssize_t>(order.size())) {
      return false;
    }
    const auto index = static_cast<std::uint32_t>(streams_.size());
    if (!epoll_.add(stream.fd.get(), up_ ? EPOLLIN | EPOLLOUT : EPOLLIN, index)) return false;
    streams_.push_back(std::move(stream));
    return true;
  }

  bool run(std::chrono::seconds length) {
    const auto end = bench::Clock::now() + length;
    for (std::size_t going = streams_.size(); going != 0;) {
      if (bench::Clock::now() > end) return false;
      for (const epoll_event& event : epoll_.wait(1'000)) {
        const State state = step(event);
        if (state == State::failed) return false;
        if (state == State::done) --going;
      }
    }
    return true;
  }

  [[nodiscard]] std::uint64_t left() const noexcept {
    std::uint64_t sum = 0;
    for (const Stream& stream : streams_) sum += stream.left;
    return sum;
  }

 private:
  State step(const epoll_event& event) {
    Stream& stream = streams_[event.data.u32];
    if (!up_) return receive(stream);
    if ((event.events & ~EPOLLOUT) != 0) return read_count(stream);
    return send(stream, event.data.u32);
  }

  static State receive(Stream& stream) {
    // Counted, not copied. One byte more than is due: there must be none.
    const ssize_t count =
        ::recv(stream.fd.get(), nullptr, std::min(stream.left + 1, wire::piece), MSG_TRUNC | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return State::going;
    if (count <= 0 || static_cast<std::size_t>(count) > stream.left) return State::failed;
    stream.left -= static_cast<std::size_t>(count);
    if (stream.left != 0) return State::going;
    stream.fd.reset();
    return State::done;
  }

  State send(Stream& stream, std::uint32_t index) {
    const ssize_t count = ::send(stream.fd.get(), bytes_to_send.data(), std::min(stream.left, wire::piece),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN ? State::going : State::failed;
    stream.left -= static_cast<std::size_t>(count);
    if (stream.left == 0 && !epoll_.change(stream.fd.get(), EPOLLIN, index)) return State::failed;
    return State::going;
  }

  static State read_count(Stream& stream) {
    const ssize_t count = ::recv(stream.fd.get(), stream.count.data() + stream.told,
                                 stream.count.size() - stream.told, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return State::going;
    if (count <= 0) return State::failed;
    stream.told += static_cast<std::size_t>(count);
    if (stream.told < stream.count.size()) return State::going;
    if (stream.left != 0 || wire::count_of(stream.count.data()) != stream.share) return State::failed;
    stream.fd.reset();
    return State::done;
  }

  const bool up_;
  bench::Epoll epoll_;
  std::vector<Stream> streams_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 6 ? bench::port_of(argv[1]) : std::nullopt;
  const auto connections = argc == 6 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto mebibytes = argc == 6 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto seconds = argc == 6 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  const std::string_view direction = argc == 6 ? argv[5] : "";
  if (!port || !connections || !mebibytes || !seconds || (direction != "down" && direction != "up")) {
    std::fprintf(stderr, "usage: bench_tcp_bulk PORT CONNECTIONS MIB SECONDS down|up\n");
    return 2;
  }
  const std::size_t total = std::size_t{*mebibytes} << 20;
  const auto start = bench::Clock::now();
  Streams streams(direction == "up");
  for (unsigned i = 0; i < *connections; ++i) {
    const std::size_t share = total / *connections + (i < total % *connections ? 1 : 0);
    if (!streams.open(*port, share)) return std::perror("bench_tcp_bulk: connect"), 3;
  }
  if (!streams.run(std::chrono::seconds(*seconds))) {
    std::fprintf(stderr,
                 "bench_tcp_bulk: cut off, too many bytes, a wrong count, or too late; %llu were left\n",
                 static_cast<unsigned long long>(streams.left()));
    return 1;
  }
  std::printf("{\"done\": %u, \"seconds\": %.3f}\n", *mebibytes,
              bench::seconds_between(start, bench::Clock::now()));
}
