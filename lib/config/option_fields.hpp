// The option objects whose keys map one to one to members of the public API's structs.
#pragma once

#include <span>

#include "config/fields.hpp"
#include "config/settings.hpp"

namespace evenkeel::config {

// Some of these two set a member of several protocols.
std::span<const Field<Settings>> timeouts_fields() noexcept;
std::span<const Field<Settings>> limits_fields() noexcept;

std::span<const Field<UpstreamOptions>> upstream_fields() noexcept;
std::span<const Field<RetryOptions>> retries_fields() noexcept;
std::span<const Field<ClientLimits>> per_client_fields() noexcept;

}  // namespace evenkeel::config
