// What is to be told of a port beside its targets: how it carries what, and what keeps a client on its
// target.
#pragma once

#include <string>

#include "evenkeel/config.hpp"

#include "json.hpp"

namespace evenkeel::cli {

// "idle 1h, connect 3s (10s in all), keep-alive after 1m"; of an http or https port "a target by cookie sid",
// often "".
std::string transport_text(const PortSpec& port);
// Null where there is nothing to tell.
Json transport_json(const PortSpec& port);

}  // namespace evenkeel::cli
