// What the text of a label is, by the type that its key has. Text of another type stays text: the spec's
// reader says what it should be.
#pragma once

#include <string>
#include <string_view>

#include "discovery/container_ports.hpp"

namespace evenkeel::discovery {

Json number_value(const std::string& text);
Json flag_value(const std::string& text);

// Of a key of "health". A list of statuses has commas: "200, 300-399".
Json health_value(std::string_view key, const std::string& text);

}  // namespace evenkeel::discovery
