// The word that was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace evenkeel::config {

// The candidate with the smallest edit distance (letters added, dropped, changed, or two neighbours
// swapped; upper and lower case are the same), or "" when none is close enough to be a typo.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) noexcept;

// " (did you mean "x"?)", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "one of "a", "b"", or only ""a"".
std::string one_of(std::span<const std::string_view> candidates);

}  // namespace evenkeel::config
