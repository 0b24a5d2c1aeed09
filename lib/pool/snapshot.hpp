// What a pool publishes: immutable, so that loops share it without locks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "evenkeel/counters.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/target.hpp"

#include "pool/failure_watch.hpp"

namespace evenkeel {

// Everything that must be seen together: targets, weights, health. Two atomics a target instead would
// let a loop see the new weight with the old health.
//
// A lease keeps the snapshot that it was picked from. Long connections so keep old snapshots alive,
// one per publication at most; the targets in them are shared, which leaves about 100 bytes a target.
struct PoolSnapshot {
  struct Entry {
    TargetKey key = 0;
    Health health = Health::unknown;
    std::uint32_t weight = 0;  // effective; comparable within this snapshot only
    std::uint64_t token = 0;   // target_token()
    std::shared_ptr<const Target> target;
    std::shared_ptr<TargetCounters> counters;
  };

  std::uint64_t version = 0;
  std::vector<Entry> entries;           // all targets, in the order of the spec
  std::vector<std::uint32_t> eligible;  // indices of those that new work may go to
  std::vector<Candidate> candidates;    // the same ones as strategies see them, pointing into here
  std::vector<std::uint64_t> tokens;    // of each candidate, to be searched
  // Those of the tier in use that could be candidates, whatever their health, with their configured
  // weight. None when there are no candidates.
  std::vector<Candidate> members;
  std::shared_ptr<pool::FailureWatch> watch;
};

}  // namespace evenkeel
