// What can only be judged once the protocol of a port is known, and all its levels have spoken.
#pragma once

#include "config/settings.hpp"

namespace evenkeel::config {

// Reports what the port itself says and its protocol has not, values that its protocol cannot have
// (where they were said), and settings that contradict each other.
void check_port(const Cursor& port, Protocol protocol, const Settings& settings);

}  // namespace evenkeel::config
