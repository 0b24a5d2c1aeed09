// The key of a port: "80/http", "7000-7099/udp".
#pragma once

#include <cstdint>
#include <optional>

#include "config/cursor.hpp"

namespace evenkeel::config {

struct PortKey {
  std::uint16_t port = 0;
  std::uint16_t count = 1;  // a range, from `port` on
  Protocol protocol = Protocol::http;
};

// `at` is the port's value: its place is where a mistake in the key is reported.
std::optional<PortKey> read_port_key(std::string_view key, const Cursor& at);

}  // namespace evenkeel::config
