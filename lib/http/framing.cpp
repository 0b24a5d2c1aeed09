#include "http/framing.hpp"

#include <charconv>
#include <limits>

namespace evenkeel::http {
namespace {

constexpr auto max_length = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool parse_length(std::string_view text, std::uint64_t& length) noexcept {
  if (!is_digits(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  return error == std::errc() && length <= max_length;
}

}  // namespace

FramingFields read_framing(std::span<const Field> fields, int minor_version) noexcept {
  FramingFields framing;
  for (const Field& field : fields) {
    if (field.known == Known::content_length) {
      framing.valid = framing.valid && !framing.has_length && parse_length(field.value, framing.length);
      framing.has_length = true;
    } else if (field.known == Known::transfer_encoding) {
      framing.valid = framing.valid && !framing.chunked && minor_version >= 1 &&
                      equals_ignoring_case(field.value, "chunked");
      framing.chunked = true;
    }
  }
  framing.valid = framing.valid && !(framing.has_length && framing.chunked);
  return framing;
}

}  // namespace evenkeel::http
