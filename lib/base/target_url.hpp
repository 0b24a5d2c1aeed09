// How the place of a target is written, with the reason when it is written wrongly.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "evenkeel/target.hpp"

namespace evenkeel::base {

// The reasons are predicates of static storage, made to follow a subject: "has no port".
template <class T>
using OrReason = std::expected<T, std::string_view>;

struct Authority {
  std::string host;  // lower case, IPv6 in its canonical form and without brackets
  std::optional<std::uint16_t> port;
};

// "host", "host:port", "[v6]", "[v6]:port".
OrReason<Authority> read_authority(std::string_view text);

// What Target::parse() reads.
OrReason<Target> read_target_url(std::string_view url, Scheme fallback);

}  // namespace evenkeel::base
