// A pool with balancers of one strategy, for tests of strategies that look at what leases count.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "evenkeel/balancer.hpp"

#include "strategy/candidates.hpp"
#include "support/fake_clock.hpp"

namespace evenkeel::test {

// The hosts are a, b, c, ...
class Fleet {
 public:
  Fleet(std::string_view strategy, const std::vector<std::uint32_t>& weights, unsigned loops = 1,
        std::uint64_t seed = 0, std::uint32_t balance_factor = 0) {
    std::vector<Target> targets(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      targets[i].host = std::string(1, static_cast<char>('a' + i % 26));
      targets[i].port = static_cast<std::uint16_t>(i + 1);
      targets[i].weight = weights[i];
    }
    REQUIRE(pool.replace_all(targets, Health::up));
    for (unsigned loop = 0; loop < loops; ++loop) {
      balancers.push_back(
          std::make_unique<Balancer>(pool, make(strategy, {seed, loop, balance_factor}), clock));
    }
  }

  Lease pick(const PickContext& context = {}, std::size_t loop = 0) {
    auto lease = balancers[loop]->pick(context);
    REQUIRE(lease);
    return std::move(*lease);
  }
  // Picks and keeps the work going.
  std::string start(int count, std::size_t loop = 0) {
    std::string letters;
    for (int i = 0; i < count; ++i) letters += busy.emplace_back(pick({}, loop)).target().host;
    return letters;
  }
  // Picks, and the work is over before the next one.
  std::string run(int count) {
    std::string letters;
    for (int i = 0; i < count; ++i) letters += pick().target().host;
    return letters;
  }
  std::string end(std::size_t index) {
    std::string host = busy[index].target().host;
    busy.erase(busy.begin() + static_cast<std::ptrdiff_t>(index));
    return host;
  }
  [[nodiscard]] std::uint32_t in_flight(std::size_t index) const { return pool.status()[index].in_flight; }

  FakeClock clock;
  TargetPool pool{{}, clock};
  std::vector<std::unique_ptr<Balancer>> balancers;
  std::vector<Lease> busy;
};

// Clients that each have one request under way, all the time: how many went to each target when an answer
// of target i takes `answer_ms[i]`.
inline std::vector<int> closed_loop(Fleet& fleet, std::size_t clients, const std::vector<int>& answer_ms,
                                    int milliseconds) {
  struct Work {
    Lease lease;
    int takes;
    int left;
  };
  std::vector<Work> under_way;
  std::vector<int> counts(answer_ms.size());
  for (int ms = 0; ms < milliseconds; ++ms) {
    fleet.clock.advance(std::chrono::milliseconds(1));
    std::erase_if(under_way, [](Work& work) {
      if (--work.left > 0) return false;
      work.lease.answered(std::chrono::milliseconds(work.takes));
      return true;
    });
    while (under_way.size() < clients) {
      Lease lease = fleet.pick();
      const auto index = static_cast<std::size_t>(lease.target().port - 1);
      ++counts[index];
      under_way.push_back({std::move(lease), answer_ms[index], answer_ms[index]});
    }
  }
  return counts;
}

}  // namespace evenkeel::test
