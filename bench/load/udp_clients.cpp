// bench_udp_clients PORT CLIENTS OWN_PORT RATE SECONDS BYTES: RATE datagrams a second, from each of CLIENTS
// addresses in turn, whether or not earlier ones have been answered. All come from OWN_PORT, so that runs one
// after the other are the same clients. Prints {"done": N, "sent": N, "lost": N, "seconds": S}; fails when
// nothing came back, or to the wrong client.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "load/clock.hpp"
#include "load/many_clients.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 500ms;  // for the last answers

void run(bench::ManyClients& clients, std::uint32_t count, unsigned rate, std::chrono::seconds length) {
  auto now = bench::Clock::now();
  const auto end = now + length;
  // What 5 ms without being run have held up.
  bench::Pacer pacer(rate, std::max(2U, rate / 200), now);
  while (now < end) {
    while (pacer.take(now)) clients.add(static_cast<std::uint32_t>(clients.sent() % count));
    clients.send();
    clients.wait(pacer.next(), now);
    clients.receive();
    now = bench::Clock::now();
  }
  while (now < end + patience && clients.answered() < clients.sent()) {
    clients.wait(end + patience, now);
    clients.receive();
    now = bench::Clock::now();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 7 ? bench::port_of(argv[1]) : std::nullopt;
  const auto count = argc == 7 ? bench::number_of<std::uint32_t>(argv[2]) : std::nullopt;
  const auto own_port = argc == 7 ? bench::port_of(argv[3]) : std::nullopt;
  const auto rate = argc == 7 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  const auto seconds = argc == 7 ? bench::number_of<unsigned>(argv[5]) : std::nullopt;
  const auto size = argc == 7 ? bench::number_of<unsigned>(argv[6]) : std::nullopt;
  if (!port || !count || !own_port || !rate || !seconds || !size || *count > bench::ManyClients::most ||
      *size < sizeof(bench::udp_wire::Head) || *size > bench::udp_wire::most_bytes) {
    std::fprintf(stderr, "usage: bench_udp_clients PORT CLIENTS OWN_PORT RATE SECONDS BYTES\n");
    return 2;
  }
  bench::ManyClients clients(*port, *size);
  if (!clients.open(*own_port)) return std::perror("bench_udp_clients: socket"), 3;
  const auto start = bench::Clock::now();
  run(clients, *count, *rate, std::chrono::seconds(*seconds));
  if (clients.answered() == 0 || clients.strayed() != 0) {
    std::fprintf(stderr, "bench_udp_clients: %llu answers came, and %llu to the wrong client\n",
                 static_cast<unsigned long long>(clients.answered()),
                 static_cast<unsigned long long>(clients.strayed()));
    return 1;
  }
  std::printf("{\"done\": %llu, \"sent\": %llu, \"lost\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(clients.answered()),
              static_cast<unsigned long long>(clients.sent()),
              static_cast<unsigned long long>(clients.sent() - clients.answered()),
              bench::seconds_between(start, bench::Clock::now()));
}
