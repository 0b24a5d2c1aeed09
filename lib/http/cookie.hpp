// Cookies that a client sends.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/field.hpp"

namespace evenkeel::http {

// The value of the first cookie of that name, quotes and all; empty when there is none. Names are
// case-sensitive. O(bytes of Cookie fields). RFC 6265 section 4.2.1.
std::string_view find_cookie(const FieldList& fields, std::string_view name) noexcept;

// The first token among the cookies of that name, of which a client may have several (of another path, say);
// 0 when there is none.
std::uint64_t find_sticky_token(const FieldList& fields, std::string_view name) noexcept;

// A response that says of itself that it is for everybody: "public" or "s-maxage" in Cache-Control. A cache
// would hand its cookies to others (RFC 9111 section 7.3).
bool is_for_everybody(const FieldList& fields) noexcept;

// The number that a value is in hexadecimal digits; 0 when it is none, or has more than 64 bits.
std::uint64_t read_sticky_token(std::string_view value) noexcept;

}  // namespace evenkeel::http
