#include "http/chunk_decoder.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using evenkeel::http::ChunkDecoder;
using State = ChunkDecoder::State;

namespace {

struct Decoded {
  State state = State::more;
  std::string data;
  std::size_t consumed = 0;
};

Decoded decode(std::string bytes, std::size_t piece = std::string::npos) {
  ChunkDecoder decoder;
  Decoded all;
  for (std::size_t at = 0; at < bytes.size() && all.state == State::more;
       at += std::min(piece, bytes.size() - at)) {
    const std::span<char> input = std::span(bytes).subspan(at, std::min(piece, bytes.size() - at));
    const ChunkDecoder::Result result = decoder.decode(input);
    all.state = result.state;
    all.data.append(input.data() + result.data_begin, result.data_size);
    all.consumed += result.consumed;
  }
  return all;
}

}  // namespace

TEST_CASE("chunks become the bytes they carry, wherever the input is split") {
  const std::string body =
      "5\r\nhello\r\n1;ext=\"v\"\r\n \r\n0006\r\nworld!\r\n0\r\nTrailer: dropped\r\n\r\n";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    INFO(piece);
    const Decoded all = decode(body, piece);
    CHECK(all.state == State::done);
    CHECK(all.data == "hello world!");
    CHECK(all.consumed == body.size());
  }
}

TEST_CASE("bytes after the last chunk are left alone") {
  const Decoded all = decode("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(all.state == State::done);
  CHECK(all.data == "a");
  CHECK(all.consumed == 11);
}

TEST_CASE("codings that two decoders could read in two ways are refused, wherever the input is split") {
  const std::vector<std::string> bad = {
      "\r\na\r\n",              // no size
      "g\r\n",                  // not hex
      "0x1\r\na\r\n",           // a prefix
      "-1\r\n",                 // a sign
      " 1\r\na\r\n",            // leading space
      "1 \r\na\r\n",            // trailing space
      "1\na\r\n",               // bare LF
      "1\rX",                   // bare CR
      "1\r\naXX",               // data longer than its size
      "1\r\na\n",               // bare LF after data
      "0\r\n\n",                // bare LF as the last line
      "0\r\n\rX",               // bare CR as the last line
      "0\r\nA: b\n\r\n",        // bare LF in a trailer
      "0\r\n A: b\r\n\r\n",     // a folded trailer
      "0\r\nno colon\r\n\r\n",  // a trailer that is no field
      "0\r\nX : b\r\n\r\n",     // a space before the colon
      "ffffffffffffffff\r\n",   // 2^64 - 1
      "10000000000000000\r\n",  // 2^64
      "1;a\x01\r\na\r\n",       // a control character in an extension
  };
  for (const std::string& body : bad) {
    INFO(body);
    for (std::size_t piece = 1; piece <= body.size(); ++piece) CHECK(decode(body, piece).state == State::bad);
  }
}

TEST_CASE("size lines, extensions and trailers are bounded") {
  CHECK(decode(std::string(10'000, '0') + "1\r\na\r\n").state == State::bad);
  CHECK(decode("1;" + std::string(300, 'x') + "\r\na\r\n").state == State::bad);
  CHECK(decode("0\r\nT: " + std::string(5'000, 'x') + "\r\n\r\n").state == State::bad);
}
