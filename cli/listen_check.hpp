// Ports that cannot be bound: found before anything starts, told so that the reader can act.
#pragma once

#include <string>

#include "evenkeel/config.hpp"
#include "evenkeel/error.hpp"

#include "log_output.hpp"

namespace evenkeel::cli {

// "127.0.0.1:8080", "[::1]:8080".
std::string address_text(const PortSpec& port);

// Binds the port and lets go of it again. The workers share each port by SO_REUSEPORT, with which
// the kernel would let a second evenkeel of the same user take half of the connections in silence;
// this bind goes without it, so that the second one is told "address in use".
Result<void> try_bind(const PortSpec& port);

// Which port, why not, and what to do about it.
void report_cannot_listen(LogOutput& log, const PortSpec& port, const Error& error);

}  // namespace evenkeel::cli
