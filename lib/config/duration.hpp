// Durations as a spec writes them: "500ms", "1.5s", "1m30s".
#pragma once

#include <chrono>
#include <expected>
#include <string_view>

namespace evenkeel::config {

inline constexpr std::chrono::milliseconds max_duration = std::chrono::hours(24);

// Units are ms, s, m and h, each at most once and the larger first. Zero is a duration; whether it
// makes sense is the reader's matter. The error is what would be right: "a duration with ...".
std::expected<std::chrono::milliseconds, std::string_view> parse_duration(std::string_view text) noexcept;

}  // namespace evenkeel::config
