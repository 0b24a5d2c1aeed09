// The array "targets" of a port.
#pragma once

#include <span>
#include <vector>

#include "config/fields.hpp"
#include "config/port_key.hpp"

namespace evenkeel::config {

std::span<const Field<Target>> target_fields() noexcept;

// One of them.
std::optional<Target> read_target(const Cursor& at, const std::optional<PortKey>& port);

// The targets that could be read, in order. Without a key (it was wrong) any scheme and range is right.
std::vector<Target> read_targets(const Cursor& at, const std::optional<PortKey>& port);

}  // namespace evenkeel::config
