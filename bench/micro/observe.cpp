// What it costs to count a request for /metrics: part of each exchange, on its loop.
#include <benchmark/benchmark.h>

#include "evenkeel/port_metrics.hpp"

using namespace evenkeel;

namespace {

void done(benchmark::State& state) {
  PortMetrics metrics;
  const auto observer = metrics.observer(0);
  const auto targets = static_cast<TargetKey>(state.range(0));
  std::uint32_t turn = 0;
  for (auto _ : state) {
    ++turn;
    observer->done({.target = 1 + turn % targets,
                    .status = 200,
                    .bytes_in = 100,
                    .bytes_out = 200,
                    .duration_ns = 100'000 + turn % 4'000'000});
  }
}

}  // namespace

BENCHMARK(done)->Arg(1)->Arg(3)->Arg(1'000);

BENCHMARK_MAIN();
