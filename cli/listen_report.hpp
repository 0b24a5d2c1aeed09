// Ports that cannot be bound, told so that the reader can act.
#pragma once

#include <string>

#include "evenkeel/config.hpp"
#include "evenkeel/error.hpp"

#include "log_output.hpp"

namespace evenkeel::cli {

// "127.0.0.1:8080", "[::1]:8080", "127.0.0.1:7000-7099".
std::string address_text(const PortSpec& port);

// Where `evenkeel check` says a port listens: the node when it is on a tailnet.
std::string place_text(const PortSpec& port);

// What to do about a port that cannot be bound.
std::string listen_hint(const PortSpec& port, const Error& error);

// Which port, why not, and what to do about it.
void report_cannot_listen(LogOutput& log, const PortSpec& port, const Error& error);

}  // namespace evenkeel::cli
