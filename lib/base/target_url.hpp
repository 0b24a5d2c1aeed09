// How the place of a target is written, with the reason when it is written wrongly.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "evenkeel/target.hpp"

#include "base/or_reason.hpp"

namespace evenkeel::base {

struct Authority {
  std::string host;  // lower case, IPv6 in its canonical form and without brackets
  std::optional<std::uint16_t> port;
};

// "host", "host:port", "[v6]", "[v6]:port".
OrReason<Authority> read_authority(std::string_view text);

// What Target::parse() reads.
OrReason<Target> read_target_url(std::string_view url, Scheme fallback);

}  // namespace evenkeel::base
