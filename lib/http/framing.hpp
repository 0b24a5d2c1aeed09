// Where a message body ends.
#pragma once

#include <cstdint>
#include <span>

#include "http/field.hpp"

namespace evenkeel::http {

enum class Framing : std::uint8_t {
  none,         // no body
  length,       // Content-Length
  chunked,      // Transfer-Encoding: chunked
  until_close,  // responses only: the body ends with the connection
};

// What the framing fields of one head say, RFC 9112 section 6. `valid` is false for everything that
// two parsers could read in two ways: both fields, either of them twice, a length that is not plain
// digits below 2^63, a coding other than exactly "chunked", a coding in an HTTP/1.0 message.
struct FramingFields {
  bool valid = true;
  bool has_length = false;
  bool chunked = false;
  std::uint64_t length = 0;
};

FramingFields read_framing(std::span<const Field> fields, int minor_version) noexcept;

}  // namespace evenkeel::http
