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

std::string_view trim(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
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

bool is_dns_label(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 63 && all_of(text, "-") && !text.starts_with('-') &&
         !text.ends_with('-');
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool is_hsts(std::string_view text) noexcept {
  if (!std::ranges::all_of(text, [](char c) { return is_visible(c) || c == ' '; })) return false;
  constexpr std::string_view name = "max-age=";
  int ages = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    std::string_view directive = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!starts_with_ignoring_case(directive, name)) continue;
    directive.remove_prefix(name.size());
    if (directive.size() > 2 && directive.starts_with('"') && directive.ends_with('"')) {
      directive = directive.substr(1, directive.size() - 2);
    }
    const bool number =
        !directive.empty() && directive.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) return false;
    ++ages;
  }
  return ages == 1;
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
