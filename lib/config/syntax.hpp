// The small grammars that strings of a spec have to follow.
#pragma once

#include <string>
#include <string_view>

#include "base/or_reason.hpp"

namespace evenkeel::config {

// A token of RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept;

// What may follow the host in a request line: "/" and then visible ASCII, no fragment.
bool is_request_path(std::string_view text) noexcept;

// A proxy's name: letters, digits, ".", "_" and "-", 1 to 63 of them.
bool is_proxy_name(std::string_view text) noexcept;

// A label of a DNS name: letters, digits and, inside, "-"; 1 to 63 of them.
bool is_dns_label(std::string_view text) noexcept;

// ASCII only.
std::string lower(std::string text);

// A value of Strict-Transport-Security (RFC 6797 section 6.1): visible ASCII and spaces, and among its
// directives one max-age with a number of seconds.
bool is_hsts(std::string_view text) noexcept;

// An absolute http or https URL that can be put into a Location field as it is. The reason is a
// predicate: "has a space".
base::OrReason<void> check_redirect(std::string_view url);

}  // namespace evenkeel::config
