// bench_udp_train PORT RATE SECONDS BYTES up|down: one client sends (up) or asks the backend for (down)
// trains of datagrams of BYTES, RATE datagrams a second in all, with UDP_SEGMENT where the kernel has it.
// Prints {"done": N, "sent": N, "lost": N, "seconds": S}, by sequence number; fails when none came.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "load/clock.hpp"
#include "load/datagrams.hpp"
#include "load/sequence_set.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace wire = evenkeel::bench::udp_wire;

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 500ms;  // for the last datagrams
constexpr auto ask_again = 100ms;
constexpr unsigned most_questions = 20;
constexpr std::uint32_t cars = bench::Train::most_cars;
constexpr std::size_t train_bytes = 65'536;

class Client {
 public:
  Client(evenkeel::net::Fd fd, std::uint16_t bytes, bool up)
      : fd_(std::move(fd)), poll_{.fd = fd_.get(), .events = POLLIN, .revents = 0}, bytes_(bytes), up_(up) {
    bench::want_trains(fd_.get());
  }

  void run(unsigned rate, std::chrono::seconds length) {
    auto now = bench::Clock::now();
    const auto end = now + length;
    run_ = static_cast<std::uint64_t>(now.time_since_epoch().count());
    bench::Pacer pacer(std::max(rate / cars, 1U), 1, now);
    while (now < end) {
      while (pacer.take(now)) send_train();
      wait(pacer.next(), now);
      now = bench::Clock::now();
    }
    if (up_) return ask();
    while (now < end + patience && come_.count() < sent_) {
      wait(end + patience, now);
      now = bench::Clock::now();
    }
  }

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t done() const noexcept { return up_ ? counted_ : come_.count(); }

 private:
  void send_train() {
    const wire::Head head{
        .kind = wire::Kind::train, .size = bytes_, .count = cars, .run = run_, .sequence = sent_};
    sent_ += cars;
    if (up_) return train_.send(fd_.get(), nullptr, head, wire::Kind::count);
    send(head);
  }

  void send(const wire::Head& head) { ::send(fd_.get(), &head, sizeof head, 0); }

  // What has been counted at the other end, as it is when the last datagrams have had time to arrive.
  void ask() {
    auto now = bench::Clock::now();
    for (unsigned i = 0; i < most_questions && counted_ < sent_; ++i) {
      const auto until = now + ask_again;
      send({.kind = wire::Kind::query, .run = run_});
      while (now < until && counted_ < sent_) {
        wait(until, now);
        now = bench::Clock::now();
      }
    }
  }

  void wait(bench::Clock::time_point until, bench::Clock::time_point now) {
    bench::wait_readable({&poll_, 1}, until, now);
    for (std::size_t count = in_.capacity(); count == in_.capacity();) {
      count = in_.receive(fd_.get());
      for (std::size_t i = 0; i < count; ++i) {
        in_.each(i, [&](std::span<char> datagram, const bench::Inbox::Message&) { take(datagram); });
      }
    }
  }

  void take(std::span<const char> datagram) {
    const auto head = wire::head_of(datagram);
    if (!head || head->run != run_) return;
    if (head->kind == wire::Kind::query) counted_ = std::max(counted_, head->sequence);
    if (head->kind == wire::Kind::count && head->sequence < sent_ && datagram.size() == bytes_) {
      come_.add(head->sequence);
    }
  }

  evenkeel::net::Fd fd_;
  pollfd poll_;
  const std::uint16_t bytes_;
  const bool up_;
  bench::Train train_;
  bench::Inbox in_{32, train_bytes};
  bench::SequenceSet come_;
  std::uint64_t run_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t counted_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 6 ? bench::port_of(argv[1]) : std::nullopt;
  const auto rate = argc == 6 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto seconds = argc == 6 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 6 ? bench::number_of<std::uint16_t>(argv[4]) : std::nullopt;
  const std::string_view direction = argc == 6 ? argv[5] : "";
  if (!port || !rate || !seconds || !size || *size < sizeof(wire::Head) || *size > wire::most_bytes ||
      (direction != "up" && direction != "down")) {
    std::fprintf(stderr, "usage: bench_udp_train PORT RATE SECONDS BYTES up|down\n");
    return 2;
  }
  evenkeel::net::Fd fd = bench::udp_connect(*port);
  if (!fd) return std::perror("bench_udp_train: socket"), 3;
  Client client(std::move(fd), *size, direction == "up");
  const auto start = bench::Clock::now();
  client.run(*rate, std::chrono::seconds(*seconds));
  if (client.done() == 0) return std::fprintf(stderr, "bench_udp_train: nothing arrived\n"), 1;
  std::printf("{\"done\": %llu, \"sent\": %llu, \"lost\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(client.done()), static_cast<unsigned long long>(client.sent()),
              static_cast<unsigned long long>(client.sent() - client.done()),
              bench::seconds_between(start, bench::Clock::now()));
}
