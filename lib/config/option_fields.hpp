// The option objects whose keys map one to one to a struct of the public API.
#pragma once

#include <span>

#include "config/fields.hpp"

namespace evenkeel::config {

std::span<const Field<HttpTimeouts>> timeouts_fields() noexcept;
std::span<const Field<HttpLimits>> limits_fields() noexcept;
std::span<const Field<UpstreamOptions>> upstream_fields() noexcept;
std::span<const Field<RetryOptions>> retries_fields() noexcept;
std::span<const Field<ClientLimits>> per_client_fields() noexcept;

}  // namespace evenkeel::config
