#include "strategy/credit_book.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace evenkeel::strategy {

bool CreditBook::same(std::span<const Candidate> candidates) const noexcept {
  return std::ranges::equal(candidates, present_, [](const Candidate& a, const Present& b) {
    return a.key == b.key && a.weight == b.weight;
  });
}

void CreditBook::carry_over(std::span<const Candidate> candidates, std::uint64_t picks,
                            std::vector<double>& credits) {
  const double total = std::accumulate(present_.begin(), present_.end(), 0.0,
                                       [](double sum, const Present& p) { return sum + p.weight; });
  if (total > 0) time_ += static_cast<double>(picks) / (total / unit_);

  std::vector<std::pair<TargetKey, std::uint32_t>> old;  // key -> index in present_
  old.reserve(present_.size());
  for (std::uint32_t i = 0; i < present_.size(); ++i) old.emplace_back(present_[i].key, i);
  std::ranges::sort(old);

  std::vector<double> carried(candidates.size());
  std::vector<std::uint32_t> staying;
  std::vector<std::uint32_t> joining;
  std::vector<bool> stays(present_.size());
  double weight_before = 0;
  double weight_now = 0;
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    const auto found =
        std::ranges::lower_bound(old, candidates[i].key, {}, &std::pair<TargetKey, std::uint32_t>::first);
    if (found == old.end() || found->first != candidates[i].key) {
      joining.push_back(i);
      continue;
    }
    staying.push_back(i);
    stays[found->second] = true;
    carried[i] = credits[found->second];
    weight_before += present_[found->second].weight;
    weight_now += candidates[i].weight;
  }

  for (std::size_t i = 0; i < present_.size(); ++i) {
    if (stays[i] || credits[i] >= 0) continue;
    departed_.push_back({present_[i].key, present_[i].weight / unit_, credits[i], time_});
  }
  if (weight_before > 0) unit_ *= weight_now / weight_before;

  level(candidates, staying, carried);
  for (const std::uint32_t i : joining) carried[i] = credit_of_joining(candidates[i].key);
  std::erase_if(departed_, [this](const Departed& d) { return d.credit_at(time_) >= 0; });

  std::vector<std::uint32_t> all(candidates.size());
  std::iota(all.begin(), all.end(), 0U);
  level(candidates, all, carried);

  credits = std::move(carried);
  present_.clear();
  for (const Candidate& c : candidates) present_.push_back({c.key, c.weight});
}

// Moves `members` in virtual time so that their credits add up to zero.
void CreditBook::level(std::span<const Candidate> candidates, std::span<const std::uint32_t> members,
                       std::vector<double>& credits) {
  double owed = 0;
  double weights = 0;
  for (const std::uint32_t i : members) {
    owed += credits[i];
    weights += candidates[i].weight / unit_;
  }
  if (owed == 0) return;
  const double shift = -owed / weights;
  for (const std::uint32_t i : members) credits[i] += candidates[i].weight / unit_ * shift;
  time_ += shift;
}

double CreditBook::credit_of_joining(TargetKey key) noexcept {
  const auto found = std::ranges::find(departed_, key, &Departed::key);
  if (found == departed_.end()) return 0;
  const double credit = std::min(0.0, found->credit_at(time_));
  departed_.erase(found);
  return credit;
}

}  // namespace evenkeel::strategy
