// A response head from a target.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/field.hpp"
#include "http/framing.hpp"

namespace evenkeel::http {

struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  std::string_view status_line;   // without its CRLF
  std::string_view fields_begin;  // everything after the status line, the final empty line left out
  Framing framing = Framing::none;
  std::string_view upgrade;  // of a 101: the protocol switched to, the one that was asked for
  bool has_length = false;   // also for HEAD and 304, which carry a length but no body
  std::uint64_t content_length = 0;
  bool keep_alive = true;  // the target will take another request on this connection

  [[nodiscard]] bool is_interim() const noexcept { return status < 200 && status != 101; }
};

struct ResponseContext {
  bool to_head = false;        // the request was HEAD
  std::string_view upgrade{};  // the protocol that the request asked to switch to; empty for none
  std::uint32_t max_fields = 100;
};

// Reads a whole head; false when a proxy must not forward it (502). Body length by RFC 9112 section
// 6.3; a 101 to anything but what was asked for, an unknown coding, contradicting lengths are refused.
bool read_response_head(std::string_view head, const ResponseContext& context, FieldList& fields,
                        ResponseHead& out) noexcept;

}  // namespace evenkeel::http
