// Reading what tailscaled says, which may lack any member and have any type.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace evenkeel::local {

// Members keep their order, so that what is sent back reads as it came.
using Json = nlohmann::ordered_json;

// Null when it is not JSON. Throws nothing but std::bad_alloc.
inline std::optional<Json> read_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

// Null when `json` is no object or has no such member, or when that is null.
inline const Json* member(const Json& json, std::string_view key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

inline std::string string_member(const Json& json, std::string_view key) {
  const Json* value = member(json, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

inline bool bool_member(const Json& json, std::string_view key) {
  const Json* value = member(json, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

inline std::vector<std::string> strings_member(const Json& json, std::string_view key) {
  std::vector<std::string> strings;
  const Json* value = member(json, key);
  if (value == nullptr || !value->is_array()) return strings;
  for (const Json& element : *value) {
    if (element.is_string()) strings.push_back(element.get<std::string>());
  }
  return strings;
}

inline std::string without_trailing_dot(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace evenkeel::local
