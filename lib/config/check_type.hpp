// Which kind of check a port gets: what was asked for, or what suits its protocol.
#pragma once

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

void read_check_type(const Cursor& at, HealthOptions& health);

// A level's word on the kind of check; before its options are read. Any of the keys that only HTTP has
// asks for HTTP without saying so. Reports the keys that the kind asked for has not.
void settle_check(const Cursor& health, Settings& settings);

// A check that was inherited and does not suit this protocol becomes the protocol's own. What it was
// to do goes with it; how often and how patiently stays. Before the port's own "health" is read.
void inherit_check(const Cursor& port, Protocol protocol, Settings& settings);

// Reports a kind of check that the port itself asks for and cannot have.
void refuse_check(const Cursor& port, Protocol protocol, const Settings& settings);

CheckType check_of(const Settings& settings, Protocol protocol) noexcept;

}  // namespace evenkeel::config
