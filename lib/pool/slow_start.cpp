#include "pool/slow_start.hpp"

#include <algorithm>

namespace evenkeel::pool {

std::uint32_t SlowStart::tenths(std::optional<TimePoint> since, TimePoint now) const noexcept {
  if (!enabled() || !since || now - *since >= window_) return full;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - *since);
  const auto part = elapsed.count() * full / window_.count();
  return static_cast<std::uint32_t>(std::max<decltype(part)>(part, 1));
}

}  // namespace evenkeel::pool
