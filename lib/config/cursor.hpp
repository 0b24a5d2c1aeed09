// One value of the document that is being read: getters that report what is wrong, with its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "config/mistakes.hpp"

namespace evenkeel::config {

// `text` in double quotes, escaped, and cut when it is long.
std::string in_quotes(std::string_view text);

// A view: document and mistakes must outlive it. The getters return nullopt after they have reported
// the mistake, so that a reader can go on with its next value.
class Cursor {
 public:
  Cursor(const Json& json, Place place, Mistakes& mistakes)
      : json_(&json), place_(std::move(place)), mistakes_(&mistakes) {}

  [[nodiscard]] const Json& json() const noexcept { return *json_; }
  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] Mistakes& mistakes() const noexcept { return *mistakes_; }

  void fail(std::string problem, std::string expected) const;
  // "is a number; expected ...".
  void fail_type(std::string expected) const;
  // "is "text"; expected ...", or the number; nothing longer than a line.
  void fail_value(std::string expected) const;

  [[nodiscard]] bool is_object(std::string_view expected) const;
  [[nodiscard]] bool is_array(std::string_view expected) const;
  [[nodiscard]] bool has(std::string_view key) const;

  [[nodiscard]] std::optional<std::string> string(std::string_view expected) const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::uint64_t> whole_number(std::uint64_t least, std::uint64_t most) const;
  // A whole number of bytes, or a string with a unit.
  [[nodiscard]] std::optional<std::uint64_t> bytes(std::uint64_t least, std::uint64_t most) const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> duration(std::chrono::milliseconds least) const;
  // The index of the name that this string is. `what` is the noun: "strategy".
  [[nodiscard]] std::optional<std::size_t> choice(std::string_view what,
                                                  std::span<const std::string_view> names) const;

  // Precondition of the three: is_object(), is_array().
  template <class Visit>
  void each_member(Visit visit) const {
    std::size_t index = 0;
    for (const auto& [key, value] : json_->get_ref<const Json::object_t&>()) {
      visit(std::string_view(key), Cursor(value, place_.member(key, index++), *mistakes_));
    }
  }
  template <class Visit>
  void each_element(Visit visit) const {
    std::size_t index = 0;
    for (const Json& value : json_->get_ref<const Json::array_t&>()) {
      visit(Cursor(value, place_.element(index++), *mistakes_));
    }
  }
  [[nodiscard]] std::optional<Cursor> member(std::string_view key) const;

 private:
  const Json* json_;
  Place place_;
  Mistakes* mistakes_;
};

}  // namespace evenkeel::config
