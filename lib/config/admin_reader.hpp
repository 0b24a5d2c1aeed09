// Where the process tells of itself and takes orders.
#pragma once

#include <span>

#include "config/fields.hpp"

namespace evenkeel::config {

std::span<const Field<AdminSpec>> admin_fields() noexcept;

void read_admin(const Cursor& at, Config& config);

}  // namespace evenkeel::config
