// Which keys an object may have, what each does to the struct behind it, and in which ports it means
// something. The tables are the one list of known keys: the reader, the hints for typos and the tests of
// schema and documentation all go by them.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/cursor.hpp"
#include "config/nearest.hpp"
#include "config/protocols.hpp"

namespace evenkeel::config {

template <class T>
struct Field {
  std::string_view key;
  void (*read)(const Cursor& at, T& out);  // leaves `out` as it was when the value is wrong
  Protocols protocols = for_all;
};

// A table together with the struct that it fills.
template <class T>
struct Table {
  std::span<const Field<T>> fields;
  T& out;

  bool read(std::string_view key, const Cursor& at) const {
    for (const Field<T>& field : fields) {
      if (field.key != key) continue;
      field.read(at, out);
      return true;
    }
    return false;
  }
};

template <class T>
void append_keys(std::span<const Field<T>> fields, std::vector<std::string_view>& keys) {
  for (const Field<T>& field : fields) keys.push_back(field.key);
}

// Overlays what the object says onto what the structs hold already: a key that is not there changes
// nothing, which is how the nearer level inherits from the outer one. Unknown keys are reported.
template <class... T>
void read_members(const Cursor& at, const Table<T>&... tables) {
  at.each_member([&](std::string_view key, const Cursor& value) {
    if ((tables.read(key, value) || ...)) return;
    std::vector<std::string_view> known;
    (append_keys(tables.fields, known), ...);
    value.fail("unknown key" + did_you_mean(key, known), one_of(known));
  });
}

template <class T>
void read_object(const Cursor& at, std::span<const Field<T>> fields, T& out) {
  if (at.is_object("an object")) read_members(at, Table<T>{fields, out});
}

// Reports the members that mean nothing in a port of this protocol. Whoever inherits them does not mind.
template <class T>
void refuse_foreign(const Cursor& at, std::span<const Field<T>> fields, Protocol protocol) {
  if (!at.json().is_object()) return;
  at.each_member([&](std::string_view key, const Cursor& value) {
    for (const Field<T>& field : fields) {
      if (field.key != key || field.protocols.contains(protocol)) continue;
      value.fail("has no meaning in " + port_of(protocol),
                 "no \"" + std::string(key) + "\", which is for " + names_of(field.protocols) + " ports");
    }
  });
}

// Readers of single values, by the member that they set.

template <auto Member, class T>
void read_flag(const Cursor& at, T& out) {
  if (const auto value = at.boolean()) out.*Member = *value;
}

template <auto Member, std::uint64_t Least, std::uint64_t Most, class T>
void read_number(const Cursor& at, T& out) {
  using Number = std::remove_reference_t<decltype(out.*Member)>;
  static_assert(std::in_range<Number>(Most));
  if (const auto value = at.whole_number(Least, Most)) out.*Member = static_cast<Number>(*value);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most, class T>
void read_bytes(const Cursor& at, T& out) {
  using Number = std::remove_reference_t<decltype(out.*Member)>;
  static_assert(std::in_range<Number>(Most));
  if (const auto value = at.bytes(Least, Most)) out.*Member = static_cast<Number>(*value);
}

template <auto Member, class T>
void read_duration(const Cursor& at, T& out) {
  if (const auto value = at.duration(std::chrono::milliseconds(1))) out.*Member = *value;
}

template <auto Member, class T>
void read_duration_or_zero(const Cursor& at, T& out) {
  if (const auto value = at.duration(std::chrono::milliseconds(0))) out.*Member = *value;
}

// For a key that is read at another moment.
template <class T>
void read_later(const Cursor&, T&) {}

}  // namespace evenkeel::config
