#include "config/payload.hpp"

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> parse_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

void read_hex(const Cursor& at, Payload& payload) {
  constexpr std::string_view form = "two digits from 0 to f for each byte, such as \"00ff\"";
  const auto text = at.string(form);
  if (!text) return;
  auto bytes = parse_hex(*text);
  if (!bytes) return at.fail_value(std::string(form));
  payload.bytes = std::move(*bytes);
}

}  // namespace

std::span<const Field<Payload>> payload_fields() noexcept {
  static constexpr Field<Payload> fields[] = {{"hex", read_hex}};
  return fields;
}

std::optional<std::string> read_payload(const Cursor& at) {
  constexpr std::string_view form = "a string, or {\"hex\": \"00ff\"}";
  Payload payload;
  if (at.json().is_string()) {
    payload.bytes = at.json().get_ref<const std::string&>();
  } else if (!at.is_object(form)) {
    return std::nullopt;
  } else {
    read_members(at, Table<Payload>{payload_fields(), payload});
    if (!at.has("hex")) {
      at.fail("has no \"hex\"", std::string(form));
      return std::nullopt;
    }
  }
  if (payload.bytes.size() > max_payload) {
    at.fail(fmt::format("has {} bytes", payload.bytes.size()), fmt::format("at most {}", max_payload));
    return std::nullopt;
  }
  return std::move(payload.bytes);
}

}  // namespace evenkeel::config
