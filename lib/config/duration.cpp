#include "config/duration.hpp"

#include <cstdint>
#include <optional>

namespace evenkeel::config {
namespace {

// Keeps every product below in 64 bits; whatever needs more digits is far longer than a day.
constexpr int max_digits = 8;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// A decimal number as an integer fraction, so that "0.3s" is 300 ms and not a little less.
struct Decimal {
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
};

std::optional<Decimal> take_decimal(std::string_view& text) noexcept {
  Decimal number;
  int digits = 0;
  bool point = false;
  while (!text.empty() && (is_digit(text.front()) || (text.front() == '.' && !point && digits > 0))) {
    if (text.front() == '.') {
      point = true;
      if (text.size() < 2 || !is_digit(text[1])) return std::nullopt;
    } else {
      if (++digits > max_digits) return std::nullopt;
      number.numerator = number.numerator * 10 + (text.front() - '0');
      if (point) number.denominator *= 10;
    }
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return number;
}

std::int64_t take_unit(std::string_view& text) noexcept {
  struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
  };
  // "ms" before "m": the first that fits is taken.
  static constexpr Unit units[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  for (const Unit& unit : units) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.milliseconds;
  }
  return 0;
}

}  // namespace

std::expected<std::chrono::milliseconds, std::string_view> parse_duration(std::string_view text) noexcept {
  constexpr std::string_view form = "a duration with a unit, such as \"5s\", \"250ms\" or \"1m30s\"";
  std::int64_t total = 0;
  std::int64_t last_unit = max_duration.count();
  do {
    const auto number = take_decimal(text);
    const std::int64_t unit = take_unit(text);
    if (!number || unit == 0 || unit >= last_unit) return std::unexpected(form);
    const std::int64_t scaled = number->numerator * unit;
    if (scaled % number->denominator != 0) return std::unexpected("a whole number of milliseconds");
    total += scaled / number->denominator;
    last_unit = unit;
  } while (!text.empty());
  if (total > max_duration.count()) return std::unexpected("at most 24 hours");
  return std::chrono::milliseconds(total);
}

}  // namespace evenkeel::config
