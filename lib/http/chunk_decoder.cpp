#include "http/chunk_decoder.hpp"

#include <algorithm>
#include <cstring>

#include "http/field.hpp"

namespace evenkeel::http {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What may stand in an extension or a trailer line: anything but control characters.
bool is_text(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

constexpr std::uint64_t max_chunk = std::uint64_t{1} << 59;  // one more digit still fits 63 bits

}  // namespace

ChunkDecoder::Step ChunkDecoder::step_size(char c, bool first) noexcept {
  if (++line_ > limits_.line_bytes) return Step::bad;
  const int digit = hex_digit(c);
  if (digit >= 0) {
    if (remaining_ >= max_chunk) return Step::bad;
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    return Step::size;
  }
  if (first) return Step::bad;
  if (c == '\r') return Step::size_lf;
  return c == ';' ? Step::extension : Step::bad;
}

// Fields that are dropped, but they must be fields: a line without a name and a colon is a sign that the
// sender and we disagree on where the body ended.
ChunkDecoder::Step ChunkDecoder::step_trailer(char c) noexcept {
  if (++line_ > limits_.trailer_bytes) return Step::bad;
  if (step_ == Step::trailer) {
    if (c == '\r') return Step::trailer_lf;
    return is_text(c) ? Step::trailer : Step::bad;
  }
  if (step_ == Step::trailer_first && c == '\r') return Step::end_lf;
  if (step_ == Step::trailer_name && c == ':') return Step::trailer;
  return is_token({&c, 1}) ? Step::trailer_name : Step::bad;
}

ChunkDecoder::Step ChunkDecoder::step(char c) noexcept {
  switch (step_) {
    case Step::size_first:
      return step_size(c, true);
    case Step::size:
      return step_size(c, false);
    case Step::extension:
      if (++line_ > limits_.line_bytes) return Step::bad;
      if (c == '\r') return Step::size_lf;
      return is_text(c) ? Step::extension : Step::bad;
    case Step::size_lf:
      if (c != '\n') return Step::bad;
      line_ = 0;
      return remaining_ == 0 ? Step::trailer_first : Step::data;
    case Step::data_cr:
      return c == '\r' ? Step::data_lf : Step::bad;
    case Step::data_lf:
      return c == '\n' ? Step::size_first : Step::bad;
    case Step::trailer_first:
    case Step::trailer_name:
    case Step::trailer:
      return step_trailer(c);
    case Step::trailer_lf:
      return c == '\n' ? Step::trailer_first : Step::bad;
    case Step::end_lf:
      return c == '\n' ? Step::done : Step::bad;
    case Step::data:
    case Step::done:
    case Step::bad:
      break;
  }
  return Step::bad;
}

ChunkDecoder::Result ChunkDecoder::decode(std::span<char> bytes) noexcept {
  Result result;
  std::size_t i = 0;
  while (i < bytes.size() && step_ != Step::done && step_ != Step::bad) {
    if (step_ != Step::data) {
      step_ = step(bytes[i++]);
      continue;
    }
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size() - i));
    if (result.data_size == 0) {
      result.data_begin = i;
    } else {
      std::memmove(bytes.data() + result.data_begin + result.data_size, bytes.data() + i, take);
    }
    result.data_size += take;
    remaining_ -= take;
    i += take;
    if (remaining_ == 0) step_ = Step::data_cr;
  }
  result.consumed = i;
  if (step_ == Step::done) result.state = State::done;
  if (step_ == Step::bad) result.state = State::bad;
  return result;
}

}  // namespace evenkeel::http
