// A key or token, from where a spec says it is: it has no place in the spec itself.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "evenkeel/export.hpp"

namespace evenkeel {

// "file:PATH" or "env:NAME"; empty for an empty one. White space around it goes. The error is for a person
// and never shows what was read, nor `where` when that might be the secret itself; `what` is its name there,
// "auth key". Reads the file (blocking, 4 KiB at the most). Any thread that nobody calls setenv(3) beside.
EVENKEEL_API std::expected<std::string, std::string> read_secret(const std::string& where,
                                                                 std::string_view what);

}  // namespace evenkeel
