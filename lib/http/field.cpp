#include "http/field.hpp"

#include <algorithm>

namespace evenkeel::http {
namespace {

struct Name {
  std::string_view text;
  Known known;
};

constexpr Name names[] = {
    {"te", Known::te},
    {"via", Known::via},
    {"host", Known::host},
    {"accept", Known::accept},
    {"cookie", Known::cookie},
    {"expect", Known::expect},
    {"referer", Known::referer},
    {"trailer", Known::trailer},
    {"upgrade", Known::upgrade},
    {"forwarded", Known::forwarded},
    {"connection", Known::connection},
    {"keep-alive", Known::keep_alive},
    {"user-agent", Known::user_agent},
    {"max-forwards", Known::max_forwards},
    {"authorization", Known::authorization},
    {"content-length", Known::content_length},
    {"http2-settings", Known::http2_settings},
    {"x-forwarded-for", Known::x_forwarded_for},
    {"proxy-connection", Known::proxy_connection},
    {"x-forwarded-host", Known::x_forwarded_host},
    {"transfer-encoding", Known::transfer_encoding},
    {"x-forwarded-proto", Known::x_forwarded_proto},
};

constexpr std::size_t longest_name = 17;

// Bit n is set when a known name has n letters: most fields are told apart by their length alone.
constexpr std::uint32_t known_lengths = [] {
  std::uint32_t mask = 0;
  for (const Name& name : names) mask |= 1U << name.text.size();
  return mask;
}();

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr std::array<bool, 256> token_chars = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 0x20] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

constexpr bool always_hop_by_hop(Known known) noexcept {
  switch (known) {
    case Known::connection:
    case Known::keep_alive:
    case Known::proxy_connection:
    case Known::te:
    case Known::trailer:
    case Known::transfer_encoding:
    case Known::upgrade:
    case Known::http2_settings:
      return true;
    default:
      return false;
  }
}

constexpr bool may_be_nominated(Known known) noexcept {
  switch (known) {
    case Known::host:
    case Known::content_length:
    case Known::authorization:
    case Known::cookie:
    case Known::forwarded:
    case Known::x_forwarded_for:
    case Known::x_forwarded_host:
    case Known::x_forwarded_proto:
      return false;
    default:
      return true;
  }
}

void nominate(std::span<Field> fields, std::string_view name) noexcept {
  for (Field& field : fields) {
    if (may_be_nominated(field.known) && equals_ignoring_case(field.name, name)) field.hop_by_hop = true;
  }
}

}  // namespace

bool FieldList::add(std::string_view name) noexcept {
  if (size_ == capacity) return false;
  const Known known = known_field(name);
  fields_[size_++] = {name, {}, known, always_hop_by_hop(known)};
  return true;
}

Known known_field(std::string_view name) noexcept {
  if (name.size() > longest_name || (known_lengths >> name.size() & 1U) == 0) return Known::none;
  for (const Name& candidate : names) {
    if (candidate.text.size() == name.size() && candidate.text[0] == lower(name[0]) &&
        equals_ignoring_case(candidate.text, name)) {
      return candidate.known;
    }
  }
  return Known::none;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return token_chars[static_cast<unsigned char>(c)]; });
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool next_element(std::string_view& list, std::string_view& element) noexcept {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    element = trim(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!element.empty()) return true;
  }
  return false;
}

ConnectionOptions mark_hop_by_hop(std::span<Field> fields) noexcept {
  ConnectionOptions options;
  for (const Field& field : fields) {
    if (field.known != Known::connection) continue;
    std::string_view list = field.value;
    std::string_view element;
    while (next_element(list, element)) {
      if (equals_ignoring_case(element, "close")) {
        options.close = true;
      } else if (equals_ignoring_case(element, "keep-alive")) {
        options.keep_alive = true;
      } else if (equals_ignoring_case(element, "upgrade")) {
        options.upgrade = true;
      } else {
        nominate(fields, element);
      }
    }
  }
  return options;
}

}  // namespace evenkeel::http
