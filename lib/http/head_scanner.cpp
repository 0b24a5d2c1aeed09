#include "http/head_scanner.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>

namespace evenkeel::http {
namespace {

constexpr bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

// The first control character other than TAB at or after `from`, or the size.
std::size_t find_control(std::string_view bytes, std::size_t from) noexcept {
  std::size_t i = from;
#ifdef __SSE2__
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; i + 16 <= bytes.size(); i += 16) {
    const __m128i chunk = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + i));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(chunk, last_control), chunk);
    const __m128i control =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(chunk, tab), low), _mm_cmpeq_epi8(chunk, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(control));
    if (mask != 0) return i + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (i < bytes.size() && !is_control(bytes[i])) ++i;
  return i;
}

// A line led by white space continues the line before it (obs-fold): peers differ on whether it is
// honoured. One led by a colon has a field with no name.
constexpr bool may_lead(char c) noexcept {
  return c != ' ' && c != '\t' && c != ':';
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view bytes) noexcept {
  while (position_ < bytes.size()) {
    if (position_ == line_start_ && !may_lead(bytes[position_])) return State::bad;
    position_ = find_control(bytes, position_);
    if (position_ >= bytes.size()) return State::incomplete;
    if (bytes[position_] != '\r') return State::bad;
    if (position_ + 1 == bytes.size()) return State::incomplete;
    if (bytes[position_ + 1] != '\n') return State::bad;
    const bool empty_line = position_ == line_start_;
    position_ += 2;
    line_start_ = position_;
    if (empty_line) return State::complete;
  }
  return State::incomplete;
}

}  // namespace evenkeel::http
