// Text beyond ASCII in a field value: encoded words, RFC 2047.
#pragma once

#include <string>
#include <string_view>

namespace evenkeel::http {

// Well-formed UTF-8: no surrogates, nothing longer than it need be, nothing above U+10FFFF (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

// As Go's mime.QEncoding.Encode("utf-8", text): printable ASCII and TAB stay as they are, else Q encoding in
// words of at most 75 bytes with a space between them. Empty for what is not UTF-8. So the result is always
// printable ASCII or TAB. O(length). Throws std::bad_alloc.
std::string encoded_word(std::string_view text);

}  // namespace evenkeel::http
