// How long to wait after failures in a row.
#pragma once

#include <algorithm>
#include <chrono>

namespace evenkeel::tailnet {

class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds last) noexcept
      : first_(first), last_(last) {}

  // After one more failure.
  std::chrono::milliseconds next() noexcept {
    constexpr unsigned most_doublings = 16;
    const auto wait = std::min(last_, first_ * (1U << failures_));
    failures_ = std::min(failures_ + 1, most_doublings);
    return wait;
  }
  void reset() noexcept { failures_ = 0; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds last_;
  unsigned failures_ = 0;
};

}  // namespace evenkeel::tailnet
