// Header fields: names, values, and what is known about them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace evenkeel::http {

// The fields that a proxy has to understand; everything else is carried as it is.
enum class Known : std::uint8_t {
  none,
  accept,
  authorization,
  connection,
  content_length,
  cookie,
  expect,
  host,
  http2_settings,
  keep_alive,
  max_forwards,
  proxy_connection,
  referer,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  via,
  forwarded,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
};

struct Field {
  std::string_view name;
  std::string_view value;  // without the white space around it
  Known known = Known::none;
  bool hop_by_hop = false;  // belongs to one connection: never forwarded
};

// The fields of one head, in order. Views into the head's bytes. One per loop, used again.
class FieldList {
 public:
  static constexpr std::size_t capacity = 256;

  void clear() noexcept { size_ = 0; }
  [[nodiscard]] bool add(std::string_view name) noexcept;
  [[nodiscard]] Field* last() noexcept { return size_ == 0 ? nullptr : &fields_[size_ - 1]; }
  [[nodiscard]] std::span<Field> all() noexcept { return {fields_.data(), size_}; }
  [[nodiscard]] std::span<const Field> all() const noexcept { return {fields_.data(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::array<Field, capacity> fields_;
  std::size_t size_ = 0;
};

Known known_field(std::string_view name) noexcept;

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
// Optional white space of RFC 9110 section 5.6.3: SP and TAB.
std::string_view trim(std::string_view text) noexcept;
bool is_token(std::string_view text) noexcept;
bool is_digits(std::string_view text) noexcept;

// Takes the next element off a comma-separated list (trimmed); false at its end. Empty elements are
// passed over, as RFC 9110 section 5.6.1.2 asks of recipients.
bool next_element(std::string_view& list, std::string_view& element) noexcept;

// What the Connection fields say.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

// Reads the Connection fields and marks every hop-by-hop field: the fixed ones and those that
// Connection names. A nomination of a field that carries the message's meaning or its sender (Host,
// Content-Length, Authorization, Cookie, X-Forwarded-*) is not honoured: it is a known way to strip
// what the target relies on. RFC 9110 section 7.6.1.
ConnectionOptions mark_hop_by_hop(std::span<Field> fields) noexcept;

}  // namespace evenkeel::http
