// Where a message head ends and how much follows it: the least that a forwarder must know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <llhttp.h>

namespace evenkeel::bench {

struct Head {
  std::size_t length = 0;  // 0: not a whole head, or not HTTP
  std::uint64_t body = 0;
  bool closes = false;    // "Connection: close"
  bool switches = false;  // 101
};

Head read_head(llhttp_type_t type, std::string_view bytes) noexcept;

// Replaces the first `what` in `bytes` by `with`, which is not longer, in place. Returns the new length.
std::size_t replace(std::span<char> bytes, std::string_view what, std::string_view with) noexcept;

}  // namespace evenkeel::bench
