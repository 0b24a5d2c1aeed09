// Durations as a person writes them.
#pragma once

#include <chrono>
#include <string>

#include <fmt/format.h>

namespace evenkeel::cli {

// "500ms", "5s", "2m", "1h".
inline std::string duration_text(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  if (count % 1'000 != 0 || count == 0) return fmt::format("{}ms", count);
  if (count % 60'000 != 0) return fmt::format("{}s", count / 1'000);
  if (count % 3'600'000 != 0) return fmt::format("{}m", count / 60'000);
  return fmt::format("{}h", count / 3'600'000);
}

}  // namespace evenkeel::cli
