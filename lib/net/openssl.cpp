#include "net/openssl.hpp"

#include <cstring>

#include <openssl/err.h>

namespace evenkeel::net {

std::string openssl_reason() {
  // The first one is the cause, what follows are its consequences.
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown reason";
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

}  // namespace evenkeel::net
