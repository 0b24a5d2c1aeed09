#include "evenkeel/retry_reserve.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace evenkeel {

bool RetryReserve::take(TimePoint now) noexcept {
  const std::lock_guard lock(mutex_);
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::int64_t passed = std::min<std::int64_t>(second - second_, slots);
  for (std::int64_t i = 1; i <= passed; ++i)
    sum_ -= std::exchange(taken_[static_cast<std::size_t>(second_ + i) % slots], 0U);
  second_ = std::max(second_, second);
  if (sum_ >= std::uint64_t{per_second_} * slots) return false;
  ++taken_[static_cast<std::size_t>(second_) % slots];
  ++sum_;
  return true;
}

void RetryReserve::set_per_second(std::uint32_t per_second) noexcept {
  const std::lock_guard lock(mutex_);
  per_second_ = per_second;
}

}  // namespace evenkeel
