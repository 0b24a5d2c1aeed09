#include "floor/head.hpp"

#include <algorithm>

namespace evenkeel::bench {
namespace {

// The only callback: without any for fields llhttp does the least it can.
constexpr llhttp_settings_t make_settings() noexcept {
  llhttp_settings_t settings{};
  settings.on_headers_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
  return settings;
}
constexpr llhttp_settings_t settings = make_settings();

}  // namespace

Head read_head(llhttp_type_t type, std::string_view bytes) noexcept {
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  if (llhttp_execute(&parser, bytes.data(), bytes.size()) != HPE_PAUSED) return {};
  return {.length = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - bytes.data()),
          .body = (parser.flags & F_CONTENT_LENGTH) != 0 ? parser.content_length : 0,
          .closes = (parser.flags & F_CONNECTION_CLOSE) != 0,
          .switches = parser.status_code == HTTP_STATUS_SWITCHING_PROTOCOLS};
}

std::size_t replace(std::span<char> bytes, std::string_view what, std::string_view with) noexcept {
  const auto found = std::ranges::search(bytes, what);
  if (found.empty()) return bytes.size();
  const auto end = std::ranges::copy(with, found.begin()).out;
  return static_cast<std::size_t>(std::copy(found.end(), bytes.end(), end) - bytes.begin());
}

}  // namespace evenkeel::bench
