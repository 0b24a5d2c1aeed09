// The answer to "whois", read.
#pragma once

#include <string>
#include <string_view>

#include "evenkeel/identity.hpp"

#include "base/or_reason.hpp"

namespace evenkeel::tailnet {

// The request's path for LocalApi. `ip` is an IP literal without brackets. `port` 0: whatever the port. Then
// tailscaled answers at once; with one it waits up to 180 ms for an address it does not know to become known,
// and answers nobody else meanwhile (tailscale#1616).
std::string whois_path(std::string_view ip, unsigned port);

// Throws std::bad_alloc.
base::OrReason<Identity> read_whois(std::string_view json);

}  // namespace evenkeel::tailnet
