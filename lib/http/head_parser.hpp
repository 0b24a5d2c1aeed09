// llhttp, used for heads only.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/field.hpp"

namespace evenkeel::http {

// What the parser made of a start line and its fields.
struct ParsedHead {
  int major = 0;
  int minor = 0;
  int status = 0;               // responses
  std::string_view target;      // requests
  bool unknown_method = false;  // refused for its method alone
  bool too_many_fields = false;
};

// Parses one whole head (HeadScanner found its end) and nothing after it: no body state, no upgrade
// state, no keep-alive logic of llhttp is ever used. False when llhttp refuses the head.
bool parse_request_head(std::string_view head, FieldList& fields, ParsedHead& out) noexcept;
bool parse_response_head(std::string_view head, FieldList& fields, ParsedHead& out) noexcept;

}  // namespace evenkeel::http
