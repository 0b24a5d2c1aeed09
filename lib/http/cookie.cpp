#include "http/cookie.hpp"

#include <charconv>
#include <system_error>

namespace evenkeel::http {

namespace {

// Calls `found` with the value of each cookie of that name until it says that this is the one.
template <class Found>
void look_at_cookies(const FieldList& fields, std::string_view name, Found found) noexcept {
  for (const Field& field : fields.all()) {
    if (field.known != Known::cookie) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = rest.find(';');
      const std::string_view pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
      if (found(trim(pair.substr(equals + 1)))) return;
    }
  }
}

}  // namespace

std::string_view find_cookie(const FieldList& fields, std::string_view name) noexcept {
  std::string_view value;
  look_at_cookies(fields, name, [&](std::string_view found) {
    value = found;
    return true;
  });
  return value;
}

std::uint64_t find_sticky_token(const FieldList& fields, std::string_view name) noexcept {
  std::uint64_t token = 0;
  look_at_cookies(fields, name, [&](std::string_view found) {
    token = read_sticky_token(found);
    return token != 0;
  });
  return token;
}

bool is_for_everybody(const FieldList& fields) noexcept {
  for (const Field& field : fields.all()) {
    if (!equals_ignoring_case(field.name, "cache-control")) continue;
    std::string_view rest = field.value;
    std::string_view directive;
    while (next_element(rest, directive)) {
      const std::string_view name = trim(directive.substr(0, directive.find('=')));
      if (equals_ignoring_case(name, "public") || equals_ignoring_case(name, "s-maxage")) return true;
    }
  }
  return false;
}

std::uint64_t read_sticky_token(std::string_view value) noexcept {
  std::uint64_t token = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, problem] = std::from_chars(value.data(), end, token, 16);
  return problem == std::errc() && stop == end ? token : 0;
}

}  // namespace evenkeel::http
