#include "http/cookie.hpp"

#include <charconv>
#include <system_error>

namespace evenkeel::http {

std::string_view find_cookie(const FieldList& fields, std::string_view name) noexcept {
  for (const Field& field : fields.all()) {
    if (field.known != Known::cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = rest.find(';');
      const std::string_view pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
      return trim(pair.substr(equals + 1));
    }
  }
  return {};
}

std::uint64_t read_sticky_token(std::string_view value) noexcept {
  std::uint64_t token = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, problem] = std::from_chars(value.data(), end, token, 16);
  return problem == std::errc() && stop == end ? token : 0;
}

}  // namespace evenkeel::http
