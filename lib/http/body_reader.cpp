#include "http/body_reader.hpp"

#include <algorithm>

namespace evenkeel::http {

BodyReader::Piece BodyReader::take(std::span<char> bytes) noexcept {
  Piece piece;
  if (done_) return piece;
  if (framing_ == Framing::chunked) {
    const ChunkDecoder::Result result = chunks_.decode(bytes);
    piece.data = {bytes.data() + result.data_begin, result.data_size};
    piece.consumed = result.consumed;
    piece.bad = result.state == ChunkDecoder::State::bad;
    done_ = result.state == ChunkDecoder::State::done;
    return piece;
  }
  std::size_t count = bytes.size();
  if (framing_ == Framing::length) {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, count));
    remaining_ -= count;
    done_ = remaining_ == 0;
  }
  piece.data = {bytes.data(), count};
  piece.consumed = count;
  return piece;
}

bool BodyReader::end_of_stream() noexcept {
  if (framing_ == Framing::until_close) done_ = true;
  return done_;
}

}  // namespace evenkeel::http
