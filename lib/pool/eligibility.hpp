// Which targets may get new work.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evenkeel/target.hpp"

namespace evenkeel::pool {

// What eligibility depends on.
struct Standing {
  std::uint32_t tier = 0;
  std::uint32_t weight = 1;
  AdminState admin = AdminState::enabled;
  Health health = Health::unknown;
};

// The indices of the targets that new work may go to, in the order given. Pure, O(n log n).
//
// Only targets that are enabled and have a weight count at all. Of these:
//  1. The lowest tier of which at least one target, and at least panic_percent of the targets, are
//     up: its targets that are up.
//  2. Else the lowest tier of which any is up: it panics when panic_percent says so, and uses all
//     its targets whatever their health. A weak tier thus falls back on the next one before it
//     panics: sending work to targets believed dead is the last resort, not the first.
//  3. Else the lowest tier with targets that no check has seen yet: those.
//  4. Else, with panic_percent: all targets of the lowest tier. Without: none.
std::vector<std::uint32_t> eligible(std::span<const Standing> targets, unsigned panic_percent);

// Those of one tier that could be eligible, whatever their health, in the order given. O(n).
std::vector<std::uint32_t> members_of(std::span<const Standing> targets, std::uint32_t tier);

}  // namespace evenkeel::pool
