// "127.0.0.1:9901", "[::1]:53", "10.0.0.53".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace evenkeel::config {

struct IpAndPort {
  std::string ip;          // canonical
  std::uint16_t port = 0;  // 0: none was given
};

// An IPv6 address with a port is in brackets. nullopt for anything else, and for the port 0.
std::optional<IpAndPort> read_ip_and_port(std::string_view text);

}  // namespace evenkeel::config
