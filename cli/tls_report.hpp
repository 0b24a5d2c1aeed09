// What `evenkeel check` tells of the TLS of a port.
#pragma once

#include <string>

#include "evenkeel/config.hpp"

#include "json.hpp"
#include "port_tls.hpp"

namespace evenkeel::cli {

// "TLS 1.2 or newer, certificate for app.example.com until 2027-01-31"; "" for ports of other protocols.
std::string tls_text(const PortSpec& port, const PortTls& tls);
// Null for ports of other protocols.
Json tls_json(const PortSpec& port, const PortTls& tls);

// How the https targets of the port are trusted; "", null where it does not say.
std::string target_tls_text(const PortSpec& port, const PortTls& tls);
Json target_tls_json(const PortSpec& port, const PortTls& tls);

}  // namespace evenkeel::cli
