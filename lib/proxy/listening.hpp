// What listening has in common, whatever is served.
#pragma once

#include <cstdint>

namespace evenkeel::proxy {

// How many connections a port carries when nobody says: a connection to a client may need one to a
// target, and other ports need some too. A quarter of RLIMIT_NOFILE.
std::uint32_t default_connections() noexcept;

}  // namespace evenkeel::proxy
