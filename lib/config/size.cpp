#include "config/size.hpp"

#include <charconv>
#include <limits>

namespace evenkeel::config {

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, text.data() + text.size());

  unsigned shift = 0;
  for (const std::string_view name : {"B", "KiB", "MiB", "GiB", "TiB"}) {
    if (unit == name) {
      if (number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
      return number << shift;
    }
    shift += 10;
  }
  return std::nullopt;
}

}  // namespace evenkeel::config
