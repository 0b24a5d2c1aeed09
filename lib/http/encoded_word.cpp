#include "http/encoded_word.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace evenkeel::http {
namespace {

constexpr std::string_view word_begin = "=?utf-8?q?";
constexpr std::string_view word_end = "?=";
constexpr std::size_t max_word = 75;  // RFC 2047 section 2
constexpr std::size_t max_content = max_word - word_begin.size() - word_end.size();

constexpr bool is_printable(char c) noexcept {
  return c >= ' ' && c <= '~';
}

// How many bytes the character at the front takes; 0 when it is malformed. RFC 3629 section 4.
std::size_t character_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Longer than it need be, a surrogate, above U+10FFFF: seen in the second byte.
  const unsigned second = byte(1);
  const bool outside = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return outside ? 0 : length;
}

void append_q(std::string& out, std::string_view character) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : character) {
    if (c == ' ') {
      out += '_';
    } else if (is_printable(c) && c != '=' && c != '?' && c != '_') {
      out += c;
    } else {
      const auto value = static_cast<unsigned char>(c);
      out += '=';
      out += digits[value >> 4U];
      out += digits[value & 15U];
    }
  }
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string encoded_word(std::string_view text) {
  if (!is_utf8(text)) return {};
  if (std::ranges::all_of(text, [](char c) { return is_printable(c) || c == '\t'; }))
    return std::string(text);
  std::string out(word_begin);
  std::size_t content = out.size();  // where that of the current word begins
  std::string character;
  while (!text.empty()) {
    // A character is never split over two words: RFC 2047 section 5 (3).
    const std::size_t length = character_length(text);
    character.clear();
    append_q(character, text.substr(0, length));
    if (out.size() - content + character.size() > max_content) {
      out.append(word_end).append(" ").append(word_begin);
      content = out.size();
    }
    out += character;
    text.remove_prefix(length);
  }
  out += word_end;
  return out;
}

}  // namespace evenkeel::http
