#include "config/syntax.hpp"

#include <algorithm>

#include "base/target_url.hpp"

namespace evenkeel::config {
namespace {

bool is_alnum(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_visible(char c) noexcept {
  return c > 0x20 && c < 0x7f;
}

bool all_of(std::string_view text, std::string_view more) noexcept {
  return std::ranges::all_of(text, [more](char c) { return is_alnum(c) || more.contains(c); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() &&
         std::ranges::equal(text.substr(0, prefix.size()), prefix, [](char a, char b) {
           return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
         });
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() && all_of(text, "!#$%&'*+-.^_`|~");
}

bool is_request_path(std::string_view text) noexcept {
  return text.starts_with('/') && !text.contains('#') && std::ranges::all_of(text, is_visible);
}

bool is_proxy_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 63 && all_of(text, "._-");
}

base::OrReason<void> check_redirect(std::string_view url) {
  using namespace std::string_view_literals;
  if (!std::ranges::all_of(url, is_visible)) {
    return std::unexpected("has a space, a control character or a letter outside ASCII"sv);
  }
  for (const std::string_view scheme : {"http://"sv, "https://"sv}) {
    if (!starts_with_ignoring_case(url, scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    if (authority.contains('@')) return std::unexpected("has user information"sv);
    const auto place = base::read_authority(authority);
    if (!place) return std::unexpected(place.error());
    return {};
  }
  return std::unexpected("is not an absolute http or https URL"sv);
}

}  // namespace evenkeel::config
