// The key of a port: "80/http".
#pragma once

#include <cstdint>
#include <optional>

#include "config/cursor.hpp"

namespace evenkeel::config {

// What a spec can name. Only http runs in this version; the others are known so that the answer is
// "not yet" and not "unknown".
enum class PortProtocol : std::uint8_t { http, https, tcp, udp };

struct PortKey {
  std::uint16_t port = 0;
  PortProtocol protocol = PortProtocol::http;
};

// `at` is the port's value: its place is where a mistake in the key is reported. The key of a protocol
// that cannot run is reported and returned, so that the rest of the port can be checked.
std::optional<PortKey> read_port_key(std::string_view key, const Cursor& at);

}  // namespace evenkeel::config
