// One pick with its lease, by strategy and number of targets, and a proof that it does not allocate.
// Then what "hash" costs by itself, and when targets or their health change.
//
// "allocs" must be 0: the program ends with 1 when any pick allocated.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <new>
#include <string>

#include <benchmark/benchmark.h>

#include "evenkeel/balancer.hpp"
#include "evenkeel/clock.hpp"
#include "evenkeel/target_pool.hpp"

namespace {

// Benchmarks run on one thread; atomic all the same, since the library under it may not.
std::atomic<std::uint64_t> allocations{0};
std::uint64_t allocations_in_picks = 0;

}  // namespace

// Not inlined: GCC would take the free() for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

using namespace evenkeel;

enum class Weights { equal, four, thirty_two, all_different };

std::uint32_t weight_of(Weights weights, std::uint32_t index) {
  switch (weights) {
    case Weights::equal:
      return 1;
    case Weights::four:
      return 1 + index % 4;
    case Weights::thirty_two:
      return 1 + index % 32;
    case Weights::all_different:
      return 1 + index;
  }
  return 1;
}

// A loop's time, as the proxies have it: of this turn, without a system call.
class TurnClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return now_; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

// Every target has answered, each at another speed.
void warm_up(Balancer& balancer, std::int64_t targets) {
  for (std::int64_t i = 0; i < 20 * targets; ++i) {
    balancer.pick()->answered(std::chrono::microseconds(1'000 + i % 97));
  }
}

void pick(benchmark::State& state, const std::string& strategy, Weights weights, bool all_busy) {
  const TurnClock clock;
  TargetPool pool({}, clock);
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    Target target;
    target.host = "10.0.0." + std::to_string(i);
    target.port = 80;
    target.weight = weight_of(weights, i);
    if (!pool.add(target, Health::up)) std::abort();
  }
  Balancer balancer(pool, (*find_strategy(strategy))({.seed = 1, .loop_index = 1}), clock);
  warm_up(balancer, state.range(0));
  std::vector<Lease> busy;
  for (std::int64_t i = 0; all_busy && i < 2 * state.range(0); ++i) busy.push_back(*balancer.pick());

  const std::uint64_t before = allocations.load();
  std::uint64_t client = 0;  // another one each time
  for (auto _ : state) {
    auto lease = balancer.pick({.affinity = ++client});
    benchmark::DoNotOptimize(lease);
  }
  const std::uint64_t made = allocations.load() - before;
  allocations_in_picks += made;
  state.counters["allocs"] = static_cast<double>(made);
}

// A list of equal targets, without a pool.
class Members {
 public:
  explicit Members(std::int64_t count) {
    for (TargetKey key = 0; key < count; ++key) {
      Target& target = targets_.emplace_back();
      target.host = "10.0.0." + std::to_string(key);
      target.port = 80;
      list.push_back({key, 1, &target, &counters_});
    }
  }
  std::vector<Candidate> list;

 private:
  std::deque<Target> targets_;
  TargetCounters counters_;
};

std::unique_ptr<Strategy> make_hash() {
  return (*find_strategy("hash"))({});
}

// The strategy by itself: what hashing costs without the lease. `down` of each hundred targets are.
void hash_alone(benchmark::State& state, std::uint32_t down) {
  const Members members(state.range(0));
  std::vector<Candidate> usable = members.list;
  std::erase_if(usable, [down](const Candidate& c) { return c.key % 100 < down; });
  const auto strategy = make_hash();
  strategy->know(members.list);
  strategy->rebuild(usable);
  std::uint64_t client = 0;
  for (auto _ : state) benchmark::DoNotOptimize(strategy->pick({.affinity = ++client}));
}

// What a change of the list of targets costs each loop.
void hash_build(benchmark::State& state) {
  const Members members(state.range(0));
  for (auto _ : state) {
    const auto strategy = make_hash();
    strategy->know(members.list);
    strategy->rebuild(members.list);
  }
}

// What a change of health costs each loop.
void hash_flap(benchmark::State& state) {
  const Members members(state.range(0));
  const std::span<const Candidate> all = members.list;
  const auto strategy = make_hash();
  bool down = false;
  for (auto _ : state) {
    down = !down;
    strategy->know(all);
    strategy->rebuild(down ? all.subspan(1) : all);
  }
}

void add_hash() {
  const auto add = [](const char* name, auto run) { return benchmark::RegisterBenchmark(name, run); };
  add("hash_alone", [](benchmark::State& s) { hash_alone(s, 0); })->Arg(3)->Arg(100)->Arg(1'000)->Arg(10'000);
  add("hash_alone/half_down", [](benchmark::State& s) { hash_alone(s, 50); })->Arg(1'000);
  add("hash_alone/98_percent_down", [](benchmark::State& s) { hash_alone(s, 98); })->Arg(1'000);
  add("hash_build", hash_build)->Arg(10)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
  add("hash_flap", hash_flap)->Arg(10)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
}

void add(const std::string& label, const std::string& strategy, Weights weights, bool all_busy = false) {
  benchmark::RegisterBenchmark(("pick/" + label).c_str(),
                               [=](benchmark::State& state) { pick(state, strategy, weights, all_busy); })
      ->Arg(3)
      ->Arg(100)
      ->Arg(1'000);
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::string_view name : strategy_names()) {
    const std::string strategy(name);
    add(strategy, strategy, Weights::equal);
    if (strategy == "first" || strategy == "hash") continue;  // weights change nothing in their pick
    add(strategy + "/weights:4", strategy, Weights::four);
    add(strategy + "/weights:32", strategy, Weights::thirty_two);
    add(strategy + "/weights:all_different", strategy, Weights::all_different);
  }
  add("leastconn/all_busy", "leastconn", Weights::equal, true);
  add_hash();

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (allocations_in_picks == 0) return 0;
  std::fprintf(stderr, "%llu allocations in picks\n", static_cast<unsigned long long>(allocations_in_picks));
  return 1;
}
