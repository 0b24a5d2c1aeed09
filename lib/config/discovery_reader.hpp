// Where ports come from besides the spec.
#pragma once

#include <span>

#include "config/fields.hpp"

namespace evenkeel::config {

std::span<const Field<DiscoverySpec>> discovery_fields() noexcept;
std::span<const Field<DockerOptions>> docker_fields() noexcept;
std::span<const Field<DnsOptions>> dns_fields() noexcept;

void read_discovery(const Cursor& at, Config& config);

}  // namespace evenkeel::config
