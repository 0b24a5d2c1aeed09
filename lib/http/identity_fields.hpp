// The fields that tell a target who the client is.
#pragma once

#include <string>
#include <string_view>

#include "evenkeel/identity.hpp"

namespace evenkeel::http {

// The field lines to add to a request's head, each with its CRLF: exactly as `tailscale serve` sets them
// (addTailscaleIdentityHeaders of tailscale.com/ipn/ipnlocal) and as TSDProxy does. Nothing for a client
// that is not known, nor for a tagged node, which belongs to no user. A value can hold no control
// character but TAB: one that would is sent empty. The same for all requests of a client: render it once.
// Throws std::bad_alloc.
std::string identity_fields(const Identity* who, IdentityHeaders headers);

// The same for a request that came from the internet, by Funnel: of its client nothing is known.
std::string funnel_fields(IdentityHeaders headers);

// Whether a client's field of this name must not reach a target that believes in such fields: the names that
// `tailscale serve` deletes and those of TSDProxy, whichever of them are set. Not X-Forwarded-For, -Host and
// -Proto, which ForwardedMode decides about. "_" counts as "-", because CGI and WSGI make one of the two. For
// ports of a tailnet only: elsewhere they may come from a `tailscale serve` in front of us.
bool is_identity_field(std::string_view name) noexcept;

}  // namespace evenkeel::http
