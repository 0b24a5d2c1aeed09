// Lists of candidates for the tests of strategies, and picks from them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/strategy.hpp"

namespace evenkeel::test {

// Targets with the keys 0, 1, 2, ... of which any may be in the list at a time.
class Candidates {
 public:
  explicit Candidates(std::vector<std::uint32_t> weights) {
    for (const std::uint32_t weight : weights) {
      const auto key = static_cast<TargetKey>(all_.size());
      targets_.emplace_back().host = "t" + std::to_string(key);
      all_.push_back({key, weight, &targets_.back(), &counters_});
      present_.push_back(true);
    }
    refresh();
  }

  void set_weight(TargetKey key, std::uint32_t weight) {
    all_[key].weight = weight;
    refresh();
  }
  void set_present(TargetKey key, bool present) {
    present_[key] = present;
    refresh();
  }
  [[nodiscard]] bool present(TargetKey key) const { return present_[key]; }
  [[nodiscard]] const std::vector<Candidate>& list() const { return list_; }

 private:
  void refresh() {
    list_.clear();
    for (const Candidate& candidate : all_) {
      if (present_[candidate.key]) list_.push_back(candidate);
    }
  }

  std::deque<Target> targets_;
  TargetCounters counters_;
  std::vector<Candidate> all_;
  std::vector<bool> present_;
  std::vector<Candidate> list_;
};

inline std::unique_ptr<Strategy> make(std::string_view name, StrategyArgs args = {}) {
  auto maker = find_strategy(name);
  REQUIRE(maker);
  return (*maker)(args);
}

inline std::unique_ptr<Strategy> make(std::string_view name, const Candidates& candidates,
                                      StrategyArgs args = {}) {
  auto strategy = make(name, args);
  strategy->rebuild(candidates.list());
  return strategy;
}

// The next picks, as letters: key 0 is a.
inline std::string picks(Strategy& strategy, const Candidates& candidates, int count,
                         const PickContext& context = {}) {
  std::string letters;
  for (int i = 0; i < count; ++i) {
    const std::size_t index = strategy.pick(context);
    REQUIRE(index < candidates.list().size());
    letters += static_cast<char>('a' + candidates.list()[index].key);
  }
  return letters;
}

// How often each key came up.
inline std::vector<std::int64_t> count(Strategy& strategy, const Candidates& candidates, std::int64_t total,
                                       const PickContext& context = {}) {
  std::vector<std::int64_t> counts(candidates.list().back().key + 1);
  for (std::int64_t i = 0; i < total; ++i) ++counts[candidates.list()[strategy.pick(context)].key];
  return counts;
}

}  // namespace evenkeel::test
