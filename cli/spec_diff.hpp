// What has to happen so that what runs fits a spec.
#pragma once

#include "evenkeel/config.hpp"

namespace evenkeel::cli {

// Whether one can go on where the other listens: the same sockets, whatever they speak.
bool is_same_place(const PortSpec& a, const PortSpec& b);

// Whether they listen in one place, wholly or in part: as far as the specs say, not for those of a tailnet.
bool overlap(const PortSpec& a, const PortSpec& b) noexcept;

struct PortChanges {
  bool targets = false;
  bool pool = false;     // its options
  bool health = false;   // a monitor has to begin anew
  bool proxies = false;  // others have to take over

  [[nodiscard]] bool any() const noexcept { return targets || pool || health || proxies; }
};

// Of two at the same place.
PortChanges changes(const PortSpec& before, const PortSpec& after);

}  // namespace evenkeel::cli
