// What the text of a label is, by the type that its key has. Text of another type stays text: the spec's
// reader says what it should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "discovery/container_ports.hpp"

namespace evenkeel::discovery {

// As TSDProxy reads one, by strconv.ParseBool of Go.
std::optional<bool> read_flag(std::string_view text) noexcept;

Json number_value(const std::string& text);
Json flag_value(const std::string& text);
// TSDProxy's are seconds without a unit.
Json seconds_value(const std::string& text);

// Of a key of "health". A list of statuses has commas: "200, 300-399".
Json health_value(std::string_view key, const std::string& text);

// The name as a node can have it: as Tailscale makes one, "proj_web_1" is "proj-web-1". Where nothing would
// be left of it, as it is.
std::string hostname_of(const std::string& name);

}  // namespace evenkeel::discovery
