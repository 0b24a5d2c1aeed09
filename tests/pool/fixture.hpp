// A pool on a clock of its own, and short names for what the tests do with it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/balancer.hpp"
#include "evenkeel/target_pool.hpp"

#include "pool/snapshot.hpp"
#include "support/fake_clock.hpp"

namespace evenkeel::test {

inline Target target(std::string host, std::uint32_t weight = 1, std::uint32_t tier = 0) {
  Target target;
  target.host = std::move(host);
  target.port = 80;
  target.weight = weight;
  target.tier = tier;
  return target;
}

inline std::unique_ptr<Strategy> strategy(std::string_view name, StrategyArgs args = {}) {
  auto maker = find_strategy(name);
  REQUIRE(maker);
  return (*maker)(args);
}

struct PoolFixture {
  explicit PoolFixture(PoolOptions options = {}) : pool(options, clock) {}

  TargetKey add(const Target& target, Health health = Health::up) {
    const auto key = pool.add(target, health);
    REQUIRE(key);
    return *key;
  }
  // The hosts of the targets that may be used, in order: "a b".
  [[nodiscard]] std::string usable() const {
    std::string hosts;
    for (const Candidate& c : pool.snapshot()->candidates)
      hosts += (hosts.empty() ? "" : " ") + c.target->host;
    return hosts;
  }
  [[nodiscard]] std::vector<std::uint32_t> weights() const {
    std::vector<std::uint32_t> weights;
    for (const Candidate& c : pool.snapshot()->candidates) weights.push_back(c.weight);
    return weights;
  }
  [[nodiscard]] TargetStatus status(TargetKey key) const {
    const auto found = pool.find(key);
    REQUIRE(found);
    return *found;
  }

  FakeClock clock;
  TargetPool pool;
};

}  // namespace evenkeel::test
