// bench_udp_sessions PORT CLIENTS SECONDS BYTES: one datagram from each of CLIENTS clients, answered before
// the next few go out, for SECONDS at the most. Prints {"done": N, "sent": N, "lost": N, "seconds": S}: as
// many sessions as are done now exist. Fails when none came back, or to the wrong client.
//
// It gives up when a number of clients in a row get no answer: a proxy that has no more room for sessions
// would otherwise be waited for once for every client.
#include <cstdint>
#include <cstdio>
#include <optional>

#include "load/clock.hpp"
#include "load/many_clients.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 250ms;  // for an answer, since the last one
constexpr unsigned sockets = 8;
constexpr std::uint32_t together = 32;
constexpr unsigned most_in_vain = 8;  // batches

// Whether any of those that were sent last has been answered.
bool await(bench::ManyClients& clients, std::uint64_t wanted) {
  const std::uint64_t before = clients.answered();
  auto now = bench::Clock::now();
  auto until = now + patience;
  while (now < until && clients.answered() < wanted) {
    clients.wait(until, now);
    const std::size_t fresh = clients.receive();
    now = bench::Clock::now();
    if (fresh != 0) until = now + patience;
  }
  return clients.answered() > before;
}

void run(bench::ManyClients& clients, std::uint32_t count, std::chrono::seconds length) {
  const auto end = bench::Clock::now() + length;
  unsigned in_vain = 0;
  for (std::uint32_t next = 0; next < count && in_vain < most_in_vain && bench::Clock::now() < end;) {
    const std::uint64_t before = clients.answered();
    std::uint32_t added = 0;
    for (; added < together && next < count; ++added) clients.add(next++);
    clients.send();
    in_vain = await(clients, before + added) ? 0 : in_vain + 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 5 ? bench::port_of(argv[1]) : std::nullopt;
  const auto count = argc == 5 ? bench::number_of<std::uint32_t>(argv[2]) : std::nullopt;
  const auto seconds = argc == 5 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 5 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  if (!port || !count || !seconds || !size || *count > bench::ManyClients::most ||
      *size < sizeof(bench::udp_wire::Head) || *size > bench::udp_wire::most_bytes) {
    std::fprintf(stderr, "usage: bench_udp_sessions PORT CLIENTS SECONDS BYTES\n");
    return 2;
  }
  bench::ManyClients clients(*port, *size);
  for (unsigned i = 0; i < sockets; ++i) {
    if (!clients.open(0)) return std::perror("bench_udp_sessions: socket"), 3;
  }
  const auto start = bench::Clock::now();
  run(clients, *count, std::chrono::seconds(*seconds));
  if (clients.answered() == 0 || clients.strayed() != 0) {
    std::fprintf(stderr, "bench_udp_sessions: %llu answers came, and %llu to the wrong client\n",
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
