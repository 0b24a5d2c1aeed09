// A host without a port: "db1.example", "10.0.0.1", "::1".
#pragma once

#include <optional>
#include <string>

#include "config/cursor.hpp"

namespace evenkeel::config {

// Lower case, or an address in its canonical form. What is neither is reported.
std::optional<std::string> read_host_name(const Cursor& at);

}  // namespace evenkeel::config
