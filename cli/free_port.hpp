// A port for those who are told of it.
#pragma once

#include <cstdint>

namespace evenkeel::cli {

// A TCP port of 127.0.0.1 that nobody had just now; 0 when the system gives none. Several listeners can share
// it, as they cannot share one that each asks for itself.
std::uint16_t free_loopback_port() noexcept;

}  // namespace evenkeel::cli
