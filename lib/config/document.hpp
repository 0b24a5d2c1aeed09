// JSON text into a tree, strictly.
#pragma once

#include <expected>
#include <string_view>

#include <nlohmann/json.hpp>

#include "config/mistakes.hpp"

namespace evenkeel::config {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t max_depth = 64;

// Comments are allowed, a NUL byte is not. A text that is not JSON, or that is nested deeper than
// max_depth, is one error with its line and column. A key that an object has twice goes to `mistakes`;
// the first one counts. `root` is where the document itself is.
std::expected<Json, SpecError> read_document(std::string_view text, Mistakes& mistakes,
                                             const Place& root = {});

}  // namespace evenkeel::config
