// One message body, whatever its framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/chunk_decoder.hpp"
#include "http/framing.hpp"

namespace evenkeel::http {

// Takes the bytes that follow a head and says which of them are the body. Bytes after its end are
// never touched.
class BodyReader {
 public:
  struct Piece {
    std::string_view data;     // decoded body bytes, inside the input
    std::size_t consumed = 0;  // input bytes used up
    bool bad = false;          // the coding is broken: nothing after it can be trusted
  };

  BodyReader() noexcept = default;
  BodyReader(Framing framing, std::uint64_t length, ChunkLimits limits) noexcept
      : framing_(framing), done_(framing == Framing::none), remaining_(length), chunks_(limits) {}

  Piece take(std::span<char> bytes) noexcept;
  // `count` bytes of a counted body were taken without being read here.
  void skip(std::uint64_t count) noexcept {
    remaining_ -= count;
    done_ = remaining_ == 0;
  }
  // The stream ended; true when that is how this body ends.
  bool end_of_stream() noexcept;

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] Framing framing() const noexcept { return framing_; }
  // Bytes of a counted body that have not come yet.
  [[nodiscard]] std::uint64_t remaining() const noexcept { return remaining_; }

 private:
  Framing framing_ = Framing::none;
  bool done_ = true;
  std::uint64_t remaining_ = 0;
  ChunkDecoder chunks_;
};

}  // namespace evenkeel::http
