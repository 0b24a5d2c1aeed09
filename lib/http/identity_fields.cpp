#include "http/identity_fields.hpp"

#include <algorithm>
#include <span>

#include "http/encoded_word.hpp"
#include "http/field.hpp"

namespace evenkeel::http {
namespace {

constexpr std::string_view tailscale_names[] = {
    "forwarded",
    "tailscale-user-login",
    "tailscale-user-name",
    "tailscale-user-profile-pic",
    "tailscale-headers-info",
    "tailscale-funnel-request",
    "tailscale-app-capabilities",
};

constexpr std::string_view tsdproxy_names[] = {
    "remote-user",
    "x-tsdproxy-id",
    "x-tsdproxy-username",
    "x-tsdproxy-displayname",
    "x-tsdproxy-profilepicurl",
    "x-tsdproxy-auth-token",  // TSDProxy's own, for its dashboard: never set here, never let through
    "x-auth-request-user",
    "x-auth-request-email",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
};

constexpr char folded(char c) noexcept {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) noexcept {
  return std::ranges::any_of(names, [&](std::string_view known) {
    return known.size() == name.size() &&
           std::ranges::equal(name, known, [](char a, char b) { return folded(a) == b; });
  });
}

// Nothing that ends a line or a field. Go's own client refuses the whole request instead.
bool is_field_value(std::string_view value) noexcept {
  return std::ranges::all_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  if (is_field_value(value)) out.append(trim(value));
  out.append("\r\n");
}

// As it is: these names were never encoded, and their readers expect UTF-8.
void append_raw(std::string& out, std::string_view name, std::string_view value) {
  append_field(out, name, is_utf8(value) ? value : std::string_view());
}

}  // namespace

std::string identity_fields(const Identity* who, IdentityHeaders headers) {
  std::string out;
  if (who == nullptr || who->tagged()) return out;
  if (has(headers, IdentityHeaders::tailscale)) {
    append_field(out, "Tailscale-User-Login", encoded_word(who->login));
    append_field(out, "Tailscale-User-Name", encoded_word(who->name));
    append_field(out, "Tailscale-User-Profile-Pic", who->picture);
    append_field(out, "Tailscale-Headers-Info", "https://tailscale.com/s/serve-headers");
  }
  if (has(headers, IdentityHeaders::tsdproxy)) {
    append_raw(out, "x-tsdproxy-id", who->id);
    append_raw(out, "x-tsdproxy-username", who->login);
    append_raw(out, "x-tsdproxy-displayname", who->name);
    append_raw(out, "x-tsdproxy-profilepicurl", who->picture);
    append_raw(out, "Remote-User", who->login);
    append_raw(out, "X-Forwarded-User", who->login);
    append_raw(out, "X-Auth-Request-User", who->login);
    append_raw(out, "X-Forwarded-Email", who->login);
    append_raw(out, "X-Auth-Request-Email", who->login);
    append_raw(out, "X-Forwarded-Preferred-Username", who->name);
  }
  return out;
}

std::string funnel_fields(IdentityHeaders headers) {
  return has(headers, IdentityHeaders::tailscale) ? "Tailscale-Funnel-Request: ?1\r\n" : "";
}

bool is_identity_field(std::string_view name) noexcept {
  // Most fields of most requests are told apart by their first letter.
  switch (name.empty() ? '\0' : folded(name[0])) {
    case 'f':
    case 't':
      return is_one_of(name, tailscale_names);
    case 'r':
    case 'x':
      return is_one_of(name, tsdproxy_names);
    default:
      return false;
  }
}

}  // namespace evenkeel::http
