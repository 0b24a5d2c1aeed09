// What of a request names its client, for strategies that keep a client on its target.
#pragma once

#include <string_view>

#include "evenkeel/http_proxy.hpp"

#include "http/field.hpp"
#include "http/request_head.hpp"

namespace evenkeel::http {

// Views into the head. Empty when the request has no such thing, and for a key that is no part of a request.
std::string_view hash_key_of(const HashKey& key, const RequestHead& head, const FieldList& fields) noexcept;

}  // namespace evenkeel::http
