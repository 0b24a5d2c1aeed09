// The settings of tcp and udp ports that stand for themselves.
#pragma once

#include <span>

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

std::span<const Field<KeepAlive>> keep_alive_fields() noexcept;

void read_keep_alive(const Cursor& at, Settings& settings);
void read_no_delay(const Cursor& at, Settings& settings);
void read_proxy_protocol(const Cursor& at, Settings& settings);
void read_accepted_proxies(const Cursor& at, Settings& settings);
void read_replies(const Cursor& at, Settings& settings);
void read_receive_buffer(const Cursor& at, Settings& settings);

}  // namespace evenkeel::config
