#include "health/ejection.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace evenkeel::health {

std::optional<TimePoint> Ejections::suspect(TargetKey key, unsigned consecutive, const PoolShare& share,
                                            TimePoint now, base::Random& random) {
  if (options_.consecutive_failures == 0 || consecutive < options_.consecutive_failures) return std::nullopt;
  if (is_ejected(key) || share.usable < 2) return std::nullopt;
  const std::size_t allowed = std::max<std::size_t>(1, share.targets * options_.max_ejected_percent / 100);
  if (ejected() >= allowed) return std::nullopt;

  Record& record = records_[key];
  forgive(record, now);
  record.until = now + duration(record.steps, random);
  record.healthy_since.reset();
  if (record.steps < std::numeric_limits<unsigned>::max()) ++record.steps;
  return record.until;
}

std::chrono::milliseconds Ejections::duration(unsigned steps, base::Random& random) const noexcept {
  const auto base = std::max(options_.base_ejection, std::chrono::milliseconds{1});
  const auto longest = std::max(options_.max_ejection, base);
  // Compared by division: base * steps can overflow.
  const bool at_most = steps >= static_cast<std::uint64_t>(longest / base);
  const auto plain = at_most ? longest : std::min(base * (steps + 1), longest);
  const auto spread = static_cast<std::uint32_t>(
      std::min<std::int64_t>(plain.count() * jitter_percent / 100, std::numeric_limits<std::int32_t>::max()));
  return plain + std::chrono::milliseconds(random.below(spread + 1));
}

void Ejections::forgive(Record& record, TimePoint now) noexcept {
  if (!record.healthy_since || now < *record.healthy_since) return;
  const auto earned = (now - *record.healthy_since) / forgive_after;
  record.steps -= static_cast<unsigned>(std::min<std::int64_t>(earned, record.steps));
  *record.healthy_since += earned * forgive_after;  // the rest counts towards the next step
}

bool Ejections::pardon(TargetKey key, TimePoint now) {
  const auto found = records_.find(key);
  if (found == records_.end() || !found->second.until) return false;
  found->second.until.reset();
  found->second.healthy_since = now;
  return true;
}

std::vector<TargetKey> Ejections::expire(TimePoint now) {
  std::vector<TargetKey> over;
  for (auto& [key, record] : records_) {
    if (record.until && *record.until <= now) over.push_back(key);
  }
  for (const TargetKey key : over) pardon(key, now);
  // What has been forgiven in full need not be remembered.
  for (auto entry = records_.begin(); entry != records_.end();) {
    Record& record = entry->second;
    forgive(record, now);
    entry = record.steps == 0 && !record.until ? records_.erase(entry) : std::next(entry);
  }
  return over;
}

std::optional<TimePoint> Ejections::next_expiry() const noexcept {
  std::optional<TimePoint> first;
  for (const auto& [key, record] : records_) {
    if (record.until && (!first || *record.until < *first)) first = record.until;
  }
  return first;
}

bool Ejections::is_ejected(TargetKey key) const noexcept {
  const auto found = records_.find(key);
  return found != records_.end() && found->second.until.has_value();
}

std::size_t Ejections::ejected() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(records_, [](const auto& entry) { return entry.second.until.has_value(); }));
}

void Ejections::set_healthy(TargetKey key, bool healthy, TimePoint now) {
  const auto found = records_.find(key);
  if (found == records_.end() || found->second.until) return;
  Record& record = found->second;
  if (healthy) {
    if (!record.healthy_since) record.healthy_since = now;
    return;
  }
  forgive(record, now);
  record.healthy_since.reset();
}

}  // namespace evenkeel::health
