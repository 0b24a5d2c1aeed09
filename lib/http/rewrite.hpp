// What a proxy changes in the heads that pass through it. RFC 9110 section 7.6.
#pragma once

#include <string_view>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/identity.hpp"

#include "http/gather_list.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"

namespace evenkeel::http {

struct RequestRewrite {
  std::string_view host{};           // replaces the client's Host; keeps it when empty
  std::string_view fallback_host{};  // for a client that sent none (HTTP/1.0)
  std::string_view via{};            // pseudonym; no Via when empty
  std::string_view client_ip{};      // empty for a client without one
  std::string_view proto = "http";
  ForwardedMode forwarded = ForwardedMode::replace;
  bool knows_client = false;    // what the client says of its identity is dropped, and this said instead:
  std::string_view identity{};  // of identity_fields()
};

// Appends the head to send to a target: HTTP/1.1, origin-form, hop-by-hop fields gone, exactly one
// framing field made from the parsed state and none copied.
void gather_request_head(const RequestHead& head, const FieldList& fields, const RequestRewrite& rewrite,
                         GatherList& out) noexcept;

struct ResponseRewrite {
  std::string_view via{};
  std::string_view hsts{};  // Strict-Transport-Security, unless the target sends its own
  // Set-Cookie, beside those of the target: what stands before and behind the token; none when `token` is 0.
  std::string_view sticky_name{};
  std::uint64_t sticky_token = 0;
  std::string_view sticky_attributes{};
  int client_minor_version = 1;
  bool client_keep_alive = true;
};

// Appends the head to send to the client. A body whose length is not known goes out chunked, or up to
// the end of the connection to an HTTP/1.0 client.
void gather_response_head(const ResponseHead& head, const FieldList& fields, const ResponseRewrite& rewrite,
                          GatherList& out) noexcept;

// True when the client must be sent chunks: see gather_response_head.
bool sends_chunks(Framing framing, int client_minor_version) noexcept;

// One chunk around `data` (nothing when it is empty), and the last one when `last`.
void gather_chunk(std::string_view data, bool last, GatherList& out) noexcept;

// True when Via of the request names `pseudonym`: the request has been here before.
bool passed_through(const FieldList& fields, std::string_view pseudonym) noexcept;

}  // namespace evenkeel::http
