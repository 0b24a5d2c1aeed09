#include "health/check_schedule.hpp"

#include <algorithm>

namespace evenkeel::health {
namespace {

constexpr std::uint32_t first_step_us = 500;

}  // namespace

CheckSchedule::CheckSchedule(const ScheduleOptions& options, base::Random& random) noexcept
    : options_(options), random_(random) {
  options_.jitter_percent = std::min(options_.jitter_percent, 100U);
  options_.max_concurrent = std::max(options_.max_concurrent, 1U);
}

void CheckSchedule::wait(TargetKey key, TimePoint due) {
  const Place place{due, next_order_++};
  entries_[key] = place;
  waiting_.emplace(place, key);
}

void CheckSchedule::add(TargetKey key, TimePoint now) {
  if (contains(key)) return;
  TimePoint due = now;
  if (options_.jitter_percent > 0 && last_first_due_ >= now) {
    // After the previous one, so that the order of joining is kept.
    due = std::min(last_first_due_ + std::chrono::microseconds(random_.below(first_step_us)),
                   now + first_spread);
  }
  last_first_due_ = due;
  wait(key, due);
}

void CheckSchedule::remove(TargetKey key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (found->second) waiting_.erase({*found->second, key});
  entries_.erase(found);
}

std::optional<TimePoint> CheckSchedule::next_due() const noexcept {
  if (waiting_.empty() || under_way() >= options_.max_concurrent) return std::nullopt;
  return waiting_.begin()->first.first;
}

std::optional<TargetKey> CheckSchedule::take_due(TimePoint now) {
  const auto due = next_due();
  if (!due || *due > now) return std::nullopt;
  const TargetKey key = waiting_.begin()->second;
  waiting_.erase(waiting_.begin());
  entries_[key].reset();
  return key;
}

void CheckSchedule::finished(TargetKey key, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second) return;  // removed, perhaps added again, meanwhile
  wait(key, now + draw_wait());
}

std::chrono::nanoseconds CheckSchedule::draw_wait() noexcept {
  const std::chrono::nanoseconds interval = options_.interval;
  const double jitter = static_cast<double>(options_.jitter_percent) / 100.0 * (2.0 * random_.unit() - 1.0);
  const auto shift = static_cast<std::int64_t>(static_cast<double>(interval.count()) * jitter);
  // A jitter of 100 % can draw no wait at all; a target must not be checked without a pause.
  return std::max(interval + std::chrono::nanoseconds(shift), std::chrono::nanoseconds(interval / 20));
}

}  // namespace evenkeel::health
