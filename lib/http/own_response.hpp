// The responses that a proxy makes itself: errors and redirects.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace evenkeel::http {

std::string_view reason_phrase(int status) noexcept;

struct OwnResponse {
  int status = 500;
  std::string_view detail;              // one sentence for a person; no control characters
  std::string_view location;            // for a redirect
  std::string_view location_rest = {};  // goes behind it
  std::string_view hsts = {};           // Strict-Transport-Security; none when empty
  unsigned retry_after_s = 0;           // Retry-After; 0: none
  bool tells_methods = false;           // Allow; always with 405
  bool as_json = false;
  bool to_head = false;  // announce the body, do not send it
  bool keep_alive = false;
  int client_minor_version = 1;
  std::time_t now = 0;  // Date, RFC 9110 section 6.6.1
};

// The whole message. `location` and `detail` are written as they are: the caller has made sure that
// they hold no CR or LF.
// Empty when memory is out.
std::string render(const OwnResponse& response) noexcept;

// Whether a client with this Accept field would rather have JSON than plain text.
bool prefers_json(std::string_view accept) noexcept;

}  // namespace evenkeel::http
