// Sizes as a spec writes them: "10MiB", "64KiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace evenkeel::config {

// A whole number with the unit B, KiB, MiB, GiB or TiB. nullopt for anything else, and for what does
// not fit into 64 bits. The decimal units are refused: "MB" means two different things to people.
std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

}  // namespace evenkeel::config
