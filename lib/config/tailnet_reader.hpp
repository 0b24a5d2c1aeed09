// The settings about the tailnet: whose node a port is on, who may use it, what targets are told of clients.
#pragma once

#include <span>
#include <string_view>

#include "config/fields.hpp"
#include "config/port_key.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

std::span<const Field<TailnetSpec>> tailnet_fields() noexcept;

void read_tailnet(const Cursor& at, Settings& settings);
void read_identity_headers(const Cursor& at, Settings& settings);
void read_allow(const Cursor& at, Settings& settings);

// What can be told only once it is known what the port is. Fills in the hostname of a node that has none.
void check_tailnet(const Cursor& port, std::string_view proxy, const PortKey& key, Settings& settings);

}  // namespace evenkeel::config
