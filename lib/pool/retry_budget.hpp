// How many requests may be repeated, so that retries cannot double the load of a sick service.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

#include "evenkeel/clock.hpp"
#include "evenkeel/retry_reserve.hpp"

namespace evenkeel::pool {

// As Finagle's RetryBudget: each request deposits `percent` hundredths of a retry, each retry
// withdraws one, and both count for 10 seconds, in slots of one. What requests have not earned the reserve,
// which all loops of a port share, may give. So over any window the retries are at most the reserve and
// `percent` % of the requests, and all of them may come at once.
//
// A share of the requests *under way* (Envoy: 20 %, at least 3) is another rule in use. It fails in
// the case that matters most: when a target dies, everything it was working on fails within the same
// millisecond and has to be repeated at once.
//
// Thread rule: one loop. Time is an argument; time that goes backwards counts as standing still.
class RetryBudget {
 public:
  RetryBudget(std::uint32_t percent, std::shared_ptr<RetryReserve> reserve) noexcept;

  // O(1), no allocation.
  void on_request(TimePoint now) noexcept;
  // True: one more retry may be made, and is charged.
  [[nodiscard]] bool try_retry(TimePoint now) noexcept;

 private:
  static constexpr std::size_t slots = 10;
  static constexpr std::int64_t retry_cost = 100;  // in hundredths

  void advance(TimePoint now) noexcept;

  std::int64_t deposit_;
  std::shared_ptr<RetryReserve> reserve_;
  std::array<std::int64_t, slots> balance_{};  // deposits less withdrawals of each second
  std::int64_t sum_ = 0;
  std::int64_t second_ = 0;  // of the newest slot
};

}  // namespace evenkeel::pool
