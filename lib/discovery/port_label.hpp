// The value of a label "port.NAME": "443/https:3000/http, no_tlsvalidate", "80/http->https://app.example".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/or_reason.hpp"

namespace evenkeel::discovery {

struct PortLabel {
  std::string key;          // "443/https"
  std::string redirect;     // a URL; or what follows
  std::string scheme;       // of the targets
  std::uint16_t first = 0;  // 0: not said
  std::uint16_t last = 0;
  std::vector<std::pair<std::string, std::string>> options;  // "loadbalance", "leastconn"; no value: empty
};

base::OrReason<PortLabel> read_port_label(std::string_view value);

// 1 to 65535.
std::optional<std::uint16_t> read_port_number(std::string_view text);

// The parts of a list with commas, without spaces around them; no empty ones.
std::vector<std::string> split_list(std::string_view text);

}  // namespace evenkeel::discovery
