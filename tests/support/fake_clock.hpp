// Time that stands still until a test moves it.
#pragma once

#include "evenkeel/clock.hpp"

namespace evenkeel::test {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  void advance(std::chrono::nanoseconds by) noexcept { now_ += by; }

 private:
  TimePoint now_{std::chrono::hours{1}};
};

}  // namespace evenkeel::test
