// The chunked transfer coding, RFC 9112 section 7.1, strictly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace evenkeel::http {

struct ChunkLimits {
  std::uint32_t line_bytes = 256;       // one size line with its extensions
  std::uint32_t trailer_bytes = 4'096;  // all trailer fields
};

// Extensions are ignored and trailers dropped, as an intermediary may; both are bounded and must be
// made of whole lines. Bytes may arrive split anywhere.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { more, done, bad };

  struct Result {
    State state = State::more;
    std::size_t data_begin = 0;  // the decoded bytes lie in the input at [data_begin, data_begin + data_size)
    std::size_t data_size = 0;
    std::size_t consumed = 0;  // input bytes that belong to the body; all of them unless done
  };

  explicit ChunkDecoder(ChunkLimits limits = {}) noexcept : limits_(limits) {}

  // Decodes in place: the data of several chunks is moved together, so that whatever arrived in one
  // read goes out as one piece.
  Result decode(std::span<char> bytes) noexcept;

 private:
  enum class Step : std::uint8_t {
    size_first,  // at least one digit is needed
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first,
    trailer_name,
    trailer,
    trailer_lf,
    end_lf,
    done,
    bad,
  };

  Step step_size(char c, bool first) noexcept;
  Step step_trailer(char c) noexcept;
  Step step(char c) noexcept;

  ChunkLimits limits_;
  Step step_ = Step::size_first;
  std::uint32_t line_ = 0;  // bytes of the current size line, or of all trailers
  std::uint64_t remaining_ = 0;
};

}  // namespace evenkeel::http
