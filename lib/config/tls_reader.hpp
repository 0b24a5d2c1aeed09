// The settings about TLS: what a port shows its clients, and how it trusts its targets.
#pragma once

#include <span>

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

// Those of "tls" and "targetTls" also note where a file is named.
std::span<const Field<Settings>> tls_fields() noexcept;
std::span<const Field<CertificateFiles>> certificate_fields() noexcept;
std::span<const Field<Settings>> target_tls_fields() noexcept;

void read_tls(const Cursor& at, Settings& settings);
void read_hsts(const Cursor& at, Settings& settings);
void read_target_tls(const Cursor& at, Settings& settings);

}  // namespace evenkeel::config
