#include "evenkeel/config.hpp"

namespace evenkeel {

std::string_view to_string(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::http:
      return "http";
  }
  return "unknown";
}

std::string SpecError::text() const {
  std::string line = pointer + ": " + problem;
  if (!expected.empty()) line += "; expected " + expected;
  return line;
}

}  // namespace evenkeel
