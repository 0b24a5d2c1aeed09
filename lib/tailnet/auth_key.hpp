// The auth key of an embedded node, from where the spec says it is.
#pragma once

#include <expected>
#include <string>

namespace evenkeel::tailnet {

// "file:PATH" or "env:NAME"; empty for an empty one. White space around the key goes. The error is for a
// person and never shows what was read, nor `where` when it might be the key itself. Reads the file
// (blocking, 4 KiB at the most).
std::expected<std::string, std::string> read_auth_key(const std::string& where);

}  // namespace evenkeel::tailnet
