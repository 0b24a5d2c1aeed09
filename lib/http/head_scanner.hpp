// The first look at a head: where it ends, and whether its lines are lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace evenkeel::http {

// Every smuggling trick that works on line structure (bare CR, bare LF, NUL, folded lines, empty
// names) is refused here, before any parser sees the bytes: two parsers can only disagree about a
// head whose lines are unambiguous in what its fields mean, not in where they begin.
// RFC 9112 sections 2.2 and 5.2.
class HeadScanner {
 public:
  enum class State : std::uint8_t { incomplete, complete, bad };

  // `bytes` is everything received since the head began; goes on where the last call stopped, so a
  // head that arrives byte by byte costs O(length) in all.
  State scan(std::string_view bytes) noexcept;

  // After complete: the head's length with its final empty line.
  [[nodiscard]] std::size_t length() const noexcept { return position_; }
  void reset() noexcept { position_ = line_start_ = 0; }

 private:
  std::size_t position_ = 0;
  std::size_t line_start_ = 0;
};

}  // namespace evenkeel::http
