// What keeps a client on its target.
#pragma once

#include <span>

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

std::span<const Field<StickyOptions>> sticky_fields() noexcept;

void read_affinity(const Cursor& at, Settings& settings);
void read_hash_key(const Cursor& at, Settings& settings);
void read_hash_balance_factor(const Cursor& at, Settings& settings);
void read_sticky(const Cursor& at, Settings& settings);

}  // namespace evenkeel::config
