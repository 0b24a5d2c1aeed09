// A request head: read, judged, and ready to be forwarded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/field.hpp"
#include "http/framing.hpp"

namespace evenkeel::http {

struct HeadLimits {
  std::uint32_t fields = 100;
  std::uint32_t uri_bytes = 8'192;
};

// Views into the head's bytes and the FieldList; valid until either changes.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // as received
  std::string_view path;    // what an origin server is asked for: "/..." or "*"
  std::string_view host;    // of an absolute-form target, else the Host field's; empty only for HTTP/1.0
  std::string_view user_agent;
  std::string_view referer;
  std::string_view accept;
  std::string_view upgrade;       // protocols the client wants to switch to; empty when it may not
  bool asks_upgrade = false;      // names a protocol to switch to, whether it may or not
  std::string_view fields_begin;  // everything after the request line, the final empty line left out
  int minor_version = 1;
  Framing framing = Framing::none;
  bool has_length = false;  // Content-Length was given, zero included
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool is_head = false;
  bool idempotent = false;  // RFC 9110 section 9.2.2
  bool expects_continue = false;
  // Of OPTIONS: how many more proxies it may pass. RFC 9110 section 7.6.2.
  std::optional<std::uint32_t> max_forwards;
};

// Reads a whole head. 0 when it may be forwarded, else the status to refuse it with: the reasons are
// the rows of the table in docs/architecture.md. `fields` keeps the fields, hop-by-hop ones marked.
// Whatever is returned, `out` has what could be read for an access log. O(length).
int read_request_head(std::string_view head, const HeadLimits& limits, FieldList& fields,
                      RequestHead& out) noexcept;

}  // namespace evenkeel::http
