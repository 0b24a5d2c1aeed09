// Which PROXY header goes in front of a connection's bytes.
#pragma once

#include <cstdint>

namespace evenkeel {

// https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
enum class ProxyVersion : std::uint8_t { none, v1, v2 };

}  // namespace evenkeel
