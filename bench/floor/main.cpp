// bench_floor PORT TARGET_PORT...: forwards 127.0.0.1:PORT to the targets in turn, until it is killed.
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include <uv.h>

#include "floor/forwarder.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

int main(int argc, char** argv) {
  const auto port = argc > 2 ? bench::port_of(argv[1]) : std::nullopt;
  if (!port) return std::fprintf(stderr, "usage: bench_floor PORT TARGET_PORT...\n"), 2;
  uv_loop_t* loop = uv_default_loop();
  const auto forwarder = std::make_unique<bench::Forwarder>(loop);
  for (int i = 2; i < argc; ++i) {
    const auto target = bench::port_of(argv[i]);
    if (!target) return std::fprintf(stderr, "bench_floor: %s is not a port\n", argv[i]), 2;
    forwarder->targets.push_back({.address = bench::loopback(*target), .idle = {}});
  }

  auto fd = bench::listen_on(*port);
  if (!fd) return std::perror("bench_floor: listen"), 3;
  const bench::Listener listener(*forwarder, std::move(fd));
  // splice(2) has no MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  uv_run(loop, UV_RUN_DEFAULT);
}
