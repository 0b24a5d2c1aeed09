// What an embedder's first program looks like, built against the package in every way it is offered.
#include <cstdio>

#include "evenkeel/evenkeel.hpp"

namespace {

// Never called: its address makes the link pull in the data plane, and with it what that needs.
using Listen = evenkeel::Result<void> (evenkeel::HttpProxy::*)(const evenkeel::ListenAddress&);
volatile Listen data_plane = &evenkeel::HttpProxy::listen;

int fail(const char* what) {
  std::fprintf(stderr, "consumer: %s\n", what);
  return 1;
}

}  // namespace

int main() {
  const auto config = evenkeel::parse_config(R"({
    "proxies": { "app": { "ports": { "8080/http": { "targets": ["http://a:1", "http://b:2"] } } } }
  })");
  if (!config || config->ports.size() != 1) return fail("the spec was not read");
  const evenkeel::PortSpec& port = config->ports.front();

  const evenkeel::SteadyClock clock;
  evenkeel::TargetPool pool(port.pool, clock);
  if (!pool.replace_all(port.targets, evenkeel::Health::up)) return fail("the pool was not filled");
  auto maker = evenkeel::find_strategy(port.strategy);
  if (!maker) return fail("the strategy was not found");
  evenkeel::Balancer balancer(pool, (*maker)({}));

  const auto first = balancer.pick();
  const auto second = balancer.pick();
  if (!first || !second) return fail("no target was picked");
  if (first->key() == second->key()) return fail("round robin picked the same target twice");
  return data_plane == nullptr ? fail("no data plane") : 0;
}
