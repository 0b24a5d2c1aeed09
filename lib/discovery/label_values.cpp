#include "discovery/label_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "discovery/port_label.hpp"

namespace evenkeel::discovery {
namespace {

constexpr std::array<std::string_view, 5> health_numbers{"rise", "fall", "jitter", "maxConcurrent", "port"};

}  // namespace

Json number_value(const std::string& text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return text;
  return number;
}

Json flag_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  return text;
}

Json health_value(std::string_view key, const std::string& text) {
  if (std::ranges::find(health_numbers, key) != health_numbers.end()) return number_value(text);
  if (key == "expect") return split_list(text);
  return text;
}

}  // namespace evenkeel::discovery
