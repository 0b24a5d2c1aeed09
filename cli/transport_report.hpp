// What is to be told of a tcp or udp port beside its targets.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "evenkeel/config.hpp"

namespace evenkeel::cli {

// "idle 1h, connect 3s (10s in all), keep-alive after 1m"; "" for an http or https port.
std::string transport_text(const PortSpec& port);
// Null for an http or https port.
nlohmann::ordered_json transport_json(const PortSpec& port);

}  // namespace evenkeel::cli
