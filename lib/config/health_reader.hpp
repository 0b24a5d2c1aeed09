// The keys "health" and "outlier": objects, or false to turn them off.
#pragma once

#include <span>

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

std::span<const Field<HealthOptions>> health_fields() noexcept;
std::span<const Field<OutlierOptions>> outlier_fields() noexcept;

void read_health(const Cursor& at, Settings& settings);
void read_outlier(const Cursor& at, Settings& settings);

}  // namespace evenkeel::config
