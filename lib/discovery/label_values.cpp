#include "discovery/label_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "config/syntax.hpp"
#include "discovery/port_label.hpp"

namespace evenkeel::discovery {
namespace {

constexpr std::array<std::string_view, 5> health_numbers{"rise", "fall", "jitter", "maxConcurrent", "port"};

constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "TRUE", "true", "True"};
constexpr std::array<std::string_view, 6> no{"0", "f", "F", "FALSE", "false", "False"};

}  // namespace

std::optional<bool> read_flag(std::string_view text) noexcept {
  if (std::ranges::find(yes, text) != yes.end()) return true;
  if (std::ranges::find(no, text) != no.end()) return false;
  return std::nullopt;
}

Json number_value(const std::string& text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return text;
  return number;
}

Json flag_value(const std::string& text) {
  if (const auto flag = read_flag(text)) return *flag;
  return text;
}

Json seconds_value(const std::string& text) {
  return number_value(text).is_number() ? text + 's' : text;
}

Json health_value(std::string_view key, const std::string& text) {
  if (std::ranges::find(health_numbers, key) != health_numbers.end()) return number_value(text);
  if (key == "expect") return split_list(text);
  return text;
}

std::string hostname_of(const std::string& name) {
  constexpr std::size_t longest = 63;
  std::string host = config::lower(name);
  std::ranges::replace_if(host, [](char c) { return (c < 'a' || c > 'z') && (c < '0' || c > '9'); }, '-');
  host.erase(0, host.find_first_not_of('-'));
  if (host.size() > longest) host.resize(longest);
  host.erase(host.find_last_not_of('-') + 1);
  return host.empty() ? name : host;
}

}  // namespace evenkeel::discovery
