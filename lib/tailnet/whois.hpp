// The answer to "whois", read.
#pragma once

#include <string>
#include <string_view>

#include "evenkeel/identity.hpp"

#include "base/or_reason.hpp"

namespace evenkeel::tailnet {

// The request's path for LocalApi. `ip` is an IP literal without brackets.
std::string whois_path(std::string_view ip, unsigned port);

// Throws std::bad_alloc.
base::OrReason<Identity> read_whois(std::string_view json);

}  // namespace evenkeel::tailnet
