// One port of one proxy.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/listening.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

// The keys of a port that are not settings.
struct PortBody {
  std::optional<PortKey> key;
  std::vector<Target> targets;
  std::string redirect;
};
std::span<const Field<PortBody>> port_fields() noexcept;

// Starts from what the port inherits. The result may be incomplete when a mistake was reported.
PortSpec read_port(std::string_view proxy, std::string_view key, const Cursor& at, Settings settings,
                   Listening& listening);

}  // namespace evenkeel::config
