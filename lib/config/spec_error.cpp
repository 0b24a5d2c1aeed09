#include "evenkeel/config.hpp"

namespace evenkeel {

std::string SpecError::text() const {
  std::string line = pointer + ": " + problem;
  if (!expected.empty()) line += "; expected " + expected;
  return line;
}

}  // namespace evenkeel
