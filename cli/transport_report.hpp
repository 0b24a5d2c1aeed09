// What is to be told of a tcp or udp port beside its targets.
#pragma once

#include <string>

#include "evenkeel/config.hpp"

#include "json.hpp"

namespace evenkeel::cli {

// "idle 1h, connect 3s (10s in all), keep-alive after 1m"; "" for an http or https port.
std::string transport_text(const PortSpec& port);
// Null for an http or https port.
Json transport_json(const PortSpec& port);

}  // namespace evenkeel::cli
