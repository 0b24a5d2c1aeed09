// How long to wait after so many failures in a row.
#pragma once

#include <algorithm>
#include <chrono>

namespace evenkeel::tailnet {

// `first`, doubled for each failure before this one, up to `last`.
constexpr std::chrono::milliseconds back_off(std::chrono::milliseconds first, std::chrono::milliseconds last,
                                             unsigned failures) noexcept {
  std::chrono::milliseconds delay = first;
  for (unsigned i = 0; i < failures && delay < last; ++i) delay *= 2;
  return std::min(delay, last);
}

}  // namespace evenkeel::tailnet
