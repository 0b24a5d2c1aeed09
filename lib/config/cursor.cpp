#include "config/cursor.hpp"

#include <utility>

#include <fmt/format.h>

#include "config/duration.hpp"
#include "config/nearest.hpp"
#include "config/size.hpp"

namespace evenkeel::config {
namespace {

constexpr std::size_t max_shown = 80;

std::string_view type_of(const Json& json) noexcept {
  switch (json.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return json.get_ref<const bool&>() ? "true" : "false";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

std::string range(std::string_view what, std::uint64_t least, std::uint64_t most) {
  return fmt::format("{} from {} to {}", what, least, most);
}

}  // namespace

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > max_shown;
  if (cut) text = text.substr(0, max_shown);
  // The cut may have gone through a letter.
  const std::string shown = Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore);
  return cut ? shown + "..." : shown;
}

void Cursor::fail(std::string problem, std::string expected) const {
  mistakes_->add(place_, std::move(problem), std::move(expected));
}

void Cursor::fail_type(std::string expected) const {
  fail(fmt::format("is {}", type_of(*json_)), std::move(expected));
}

void Cursor::fail_value(std::string expected) const {
  if (json_->is_string())
    return fail("is " + in_quotes(json_->get_ref<const std::string&>()), std::move(expected));
  if (json_->is_number()) return fail("is " + json_->dump(), std::move(expected));
  fail_type(std::move(expected));
}

bool Cursor::is_object(std::string_view expected) const {
  if (!json_->is_object()) fail_type(std::string(expected));
  return json_->is_object();
}

bool Cursor::is_array(std::string_view expected) const {
  if (!json_->is_array()) fail_type(std::string(expected));
  return json_->is_array();
}

bool Cursor::has(std::string_view key) const {
  return member(key).has_value();
}

std::optional<Cursor> Cursor::member(std::string_view key) const {
  std::size_t index = 0;
  for (const auto& [name, value] : json_->get_ref<const Json::object_t&>()) {
    if (name == key) return Cursor(value, place_.member(key, index), *mistakes_);
    ++index;
  }
  return std::nullopt;
}

std::optional<std::string> Cursor::string(std::string_view expected) const {
  if (json_->is_string()) return json_->get_ref<const std::string&>();
  fail_type(std::string(expected));
  return std::nullopt;
}

std::optional<bool> Cursor::boolean() const {
  if (json_->is_boolean()) return json_->get_ref<const bool&>();
  fail_type("true or false");
  return std::nullopt;
}

// What is too large for 64 bits, and -0, are other kinds of number to the parser: neither is unsigned.
std::optional<std::uint64_t> Cursor::whole_number(std::uint64_t least, std::uint64_t most) const {
  if (!json_->is_number()) {
    fail_type(range("a whole number", least, most));
  } else if (!json_->is_number_unsigned()) {
    fail_value(range("a whole number", least, most));
  } else {
    const auto value = json_->get<std::uint64_t>();
    if (value >= least && value <= most) return value;
    fail_value(range("a whole number", least, most));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Cursor::bytes(std::uint64_t least, std::uint64_t most) const {
  if (!json_->is_string()) return whole_number(least, most);
  const auto value = parse_size(json_->get_ref<const std::string&>());
  if (value && *value >= least && *value <= most) return value;
  fail_value(
      value ? range("a size in bytes", least, most)
            : "a whole number of bytes, or one with the unit B, KiB, MiB, GiB or TiB, such as \"64KiB\"");
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Cursor::duration(std::chrono::milliseconds least) const {
  if (json_->is_number()) {
    fail("is a number without a unit", "a duration with a unit, such as \"5s\"");
    return std::nullopt;
  }
  const auto text = string("a duration with a unit, such as \"5s\"");
  if (!text) return std::nullopt;
  const auto value = parse_duration(*text);
  if (value && *value >= least) return *value;
  fail_value(value ? "a duration longer than zero" : std::string(value.error()));
  return std::nullopt;
}

std::optional<std::size_t> Cursor::choice(std::string_view what,
                                          std::span<const std::string_view> names) const {
  const auto text = string(one_of(names));
  if (!text) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == *text) return i;
  }
  fail(fmt::format("unknown {} {}{}", what, in_quotes(*text), did_you_mean(*text, names)), one_of(names));
  return std::nullopt;
}

}  // namespace evenkeel::config
