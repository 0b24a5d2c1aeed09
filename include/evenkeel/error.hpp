// What went wrong, whose fault it was, and whether trying again is safe.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "evenkeel/export.hpp"

namespace evenkeel {

// Who has to act. A data plane answers 4xx for `client`, 502/503/504 for `target`, 500 for `us`.
enum class Fault : std::uint8_t { client, target, us };

enum class ErrorCode : std::uint8_t {
  // Setting up.
  invalid_argument,
  invalid_url,
  duplicate_target,
  unknown_target,
  unknown_strategy,
  address_in_use,
  address_not_available,
  permission_denied,
  out_of_descriptors,
  system,
  // Between us and a target.
  no_target,
  resolve_failed,
  connect_refused,
  connect_timeout,
  connect_failed,
  connection_closed,
  connection_reset,
  response_timeout,
  body_stalled,
  bad_response,
  unexpected_status,
  tls_handshake_failed,  // with a target, or a client; a certificate that is not trusted, too
  bad_tls,               // records that cannot be right
  // Between a client and us.
  client_closed,
  bad_request,
  client_timeout,
  not_allowed,  // by the port's list of who may use it
  over_limit,   // of connections, of a client's rate, of work in flight on every target (Fault::target)
  // Of a TCP connection or a UDP session.
  idle_timeout,   // no byte either way
  drain_timeout,  // its target was taken out of use, and its time was up
};

// A small value: no allocation to make, copy or return one. Every fallible call of the library
// returns std::expected<T, Error>; nothing is thrown on the data path.
struct Error {
  ErrorCode code = ErrorCode::system;
  Fault fault = Fault::us;
  bool retry_safe = false;  // true: the work was certainly not begun, doing it elsewhere is safe
  int os_error = 0;         // errno of the call that failed, 0 when there was none

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

// The stable name of a code, as logs show it: "connect_refused". O(1), static storage.
EVENKEEL_API std::string_view to_string(ErrorCode code) noexcept;

// One line for a person: the name, and the operating system's reason where there is one.
EVENKEEL_API std::string describe(const Error& error);

}  // namespace evenkeel
