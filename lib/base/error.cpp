#include "evenkeel/error.hpp"

#include <system_error>

namespace evenkeel {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::invalid_url:
      return "invalid_url";
    case ErrorCode::duplicate_target:
      return "duplicate_target";
    case ErrorCode::unknown_target:
      return "unknown_target";
    case ErrorCode::unknown_strategy:
      return "unknown_strategy";
    case ErrorCode::address_in_use:
      return "address_in_use";
    case ErrorCode::address_not_available:
      return "address_not_available";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::out_of_descriptors:
      return "out_of_descriptors";
    case ErrorCode::system:
      return "system";
    case ErrorCode::no_target:
      return "no_target";
    case ErrorCode::resolve_failed:
      return "resolve_failed";
    case ErrorCode::connect_refused:
      return "connect_refused";
    case ErrorCode::connect_timeout:
      return "connect_timeout";
    case ErrorCode::connect_failed:
      return "connect_failed";
    case ErrorCode::connection_closed:
      return "connection_closed";
    case ErrorCode::connection_reset:
      return "connection_reset";
    case ErrorCode::response_timeout:
      return "response_timeout";
    case ErrorCode::body_stalled:
      return "body_stalled";
    case ErrorCode::bad_response:
      return "bad_response";
    case ErrorCode::unexpected_status:
      return "unexpected_status";
    case ErrorCode::tls_handshake_failed:
      return "tls_handshake_failed";
    case ErrorCode::bad_tls:
      return "bad_tls";
    case ErrorCode::client_closed:
      return "client_closed";
    case ErrorCode::bad_request:
      return "bad_request";
    case ErrorCode::client_timeout:
      return "client_timeout";
    case ErrorCode::not_allowed:
      return "not_allowed";
    case ErrorCode::over_limit:
      return "over_limit";
    case ErrorCode::idle_timeout:
      return "idle_timeout";
    case ErrorCode::drain_timeout:
      return "drain_timeout";
  }
  return "unknown";
}

std::string describe(const Error& error) {
  std::string text(to_string(error.code));
  if (error.os_error != 0) text += ": " + std::generic_category().message(error.os_error);
  return text;
}

}  // namespace evenkeel
