// The chunk decoder: no crash, never more data than input, and splits make no difference.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "http/chunk_decoder.hpp"

using evenkeel::http::ChunkDecoder;

namespace {

struct Decoded {
  ChunkDecoder::State state = ChunkDecoder::State::more;
  std::string data;
  std::size_t consumed = 0;
};

Decoded decode(std::string bytes, std::size_t piece) {
  ChunkDecoder decoder({.line_bytes = 64, .trailer_bytes = 128});
  Decoded all;
  for (std::size_t at = 0; at < bytes.size() && all.state == ChunkDecoder::State::more; at += piece) {
    const std::span<char> input = std::span(bytes).subspan(at, std::min(piece, bytes.size() - at));
    const ChunkDecoder::Result result = decoder.decode(input);
    if (result.data_begin + result.data_size > input.size()) std::abort();
    all.state = result.state;
    all.data.append(input.data() + result.data_begin, result.data_size);
    all.consumed += result.consumed;
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(bytes, size + 1);
  const std::size_t pieces[] = {1, 2, 7};
  for (const std::size_t piece : pieces) {
    const Decoded split = decode(bytes, piece);
    if (split.state != whole.state || split.consumed != whole.consumed) std::abort();
    if (whole.state != ChunkDecoder::State::bad && split.data != whole.data) std::abort();
  }
  return 0;
}
