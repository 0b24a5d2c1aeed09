#include "pool/retry_budget.hpp"

#include <algorithm>
#include <utility>

namespace evenkeel::pool {

RetryBudget::RetryBudget(std::uint32_t percent, std::shared_ptr<RetryReserve> reserve) noexcept
    : deposit_(percent), reserve_(std::move(reserve)) {}

void RetryBudget::advance(TimePoint now) noexcept {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::int64_t passed = std::min<std::int64_t>(second - second_, slots);
  if (passed <= 0) return;
  for (std::int64_t i = 1; i <= passed; ++i) {
    std::int64_t& slot = balance_[static_cast<std::size_t>(second_ + i) % slots];
    sum_ -= slot;
    slot = 0;
  }
  second_ = second;
}

void RetryBudget::on_request(TimePoint now) noexcept {
  advance(now);
  balance_[static_cast<std::size_t>(second_) % slots] += deposit_;
  sum_ += deposit_;
}

bool RetryBudget::try_retry(TimePoint now) noexcept {
  advance(now);
  if (sum_ < retry_cost) return reserve_->take(now);
  balance_[static_cast<std::size_t>(second_) % slots] -= retry_cost;
  sum_ -= retry_cost;
  return true;
}

}  // namespace evenkeel::pool
