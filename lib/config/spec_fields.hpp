// The keys of the document and of a proxy that are not settings.
#pragma once

#include <span>

#include "config/fields.hpp"

namespace evenkeel::config {

struct Fragment {};   // of a spec, from elsewhere: only what it has in common with one
struct ProxyBody {};  // "ports" is read once the proxy's settings are known

std::span<const Field<Config>> document_fields() noexcept;
std::span<const Field<Fragment>> fragment_fields() noexcept;
std::span<const Field<ProxyBody>> proxy_fields() noexcept;

}  // namespace evenkeel::config
