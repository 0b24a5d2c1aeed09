// Consistent hashing: a client's work goes to the same target, in every process that has the same spec.
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "strategy/maglev_table.hpp"
#include "strategy/strategies.hpp"

namespace evenkeel::strategy {
namespace {

// The table is made of all members, whatever their health. Each client has an endless list of places
// in it, from its key alone; it goes to the first place whose owner is usable. So a target that is down
// moves its own clients and nobody else's, with any number of others down as well, they spread over
// all that are left by weight, and return when it does; and a change of health builds nothing.
// (A second table of the usable targets would move other targets' displaced clients at each change.)
//
// With a bound (Mirrokni, Thorup, Zadimoghaddam, "Consistent hashing with bounded loads", 2018) a target that
// has more than so many percent of its share of the work in flight counts as down for those who would add to
// it.
class Hash final : public Strategy {
 public:
  explicit Hash(const StrategyArgs& args) noexcept : balance_factor_(args.hash_balance_factor) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "hash"; }

  void know(std::span<const Candidate> members) override;
  void rebuild(std::span<const Candidate> candidates) override;

  [[nodiscard]] std::size_t pick(const PickContext& context) noexcept override {
    // Looks in vain are as rare as targets that are down. 1 in 50 usable: 8 % are left after these.
    base::Random places(context.affinity);
    if (balance_factor_ != 0) return pick_below_bound(places, context);
    for (int i = 0; i < looks; ++i) {
      const std::uint32_t index = usable_owner(places.below(MaglevTable::size));
      if (index != none && !context.excludes(candidates_[index].key)) return index;
    }
    return walk(places.below(MaglevTable::size), context);
  }

 private:
  struct Member {
    TargetKey key;
    std::uint32_t weight;
    friend bool operator==(const Member&, const Member&) = default;
  };
  static constexpr int looks = 128;
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] std::uint32_t usable_owner(std::uint32_t slot) const noexcept {
    return candidate_of_[table_.owner(slot)];
  }
  std::size_t pick_below_bound(base::Random& places, const PickContext& context) noexcept;
  double bound() noexcept;
  std::size_t walk(std::uint32_t slot, const PickContext& context) const noexcept;
  bool find_candidates(std::span<const Candidate> candidates);

  MaglevTable table_;
  std::vector<Member> members_;              // of the table
  std::vector<std::uint32_t> candidate_of_;  // a member's index in candidates_, or none
  std::vector<std::uint32_t> weight_of_;     // a candidate's as a member: without slow start
  std::span<const Candidate> candidates_;
  bool told_ = false;  // know() came for the next rebuild()

  std::uint32_t balance_factor_;  // percent; 0: no bound
  double in_flight_ = 0;          // of all candidates, when they were counted last
  std::size_t picks_since_ = 0;
  double weights_ = 1;  // of all candidates
};

std::size_t Hash::pick_below_bound(base::Random& places, const PickContext& context) noexcept {
  const double most = bound();
  std::uint32_t full = none;
  for (int i = 0; i < looks; ++i) {
    const std::uint32_t index = usable_owner(places.below(MaglevTable::size));
    if (index == none || context.excludes(candidates_[index].key)) continue;
    // Below a bound that is rounded up, so one without work always has room.
    if (candidates_[index].counters->in_flight() < most * weight_of_[index]) return index;
    if (full == none) full = index;
  }
  // Only when nearly everything is excluded, or counts changed meanwhile: rather too much than none.
  return full != none ? full : walk(places.below(MaglevTable::size), context);
}

// In flight a unit of weight. Counting all candidates would cost O(n) a pick, so that of many is a few picks
// old.
double Hash::bound() noexcept {
  if (picks_since_ == 0) {
    std::uint64_t sum = 0;
    for (const Candidate& candidate : candidates_) sum += candidate.counters->in_flight();
    in_flight_ = static_cast<double>(sum);
  }
  constexpr std::size_t counts_a_pick = 8;
  picks_since_ = picks_since_ >= candidates_.size() / counts_a_pick ? 0 : picks_since_ + 1;
  return (in_flight_ + 1) * balance_factor_ / 100 / weights_;
}

// One slot after the other: every usable target owns one somewhere. For when hardly any is left.
std::size_t Hash::walk(std::uint32_t slot, const PickContext& context) const noexcept {
  for (std::uint32_t i = 0; i < MaglevTable::size; ++i, slot = slot + 1 == MaglevTable::size ? 0 : slot + 1) {
    const std::uint32_t index = usable_owner(slot);
    if (index != none && !context.excludes(candidates_[index].key)) return index;
  }
  return 0;  // only with more targets than the table has room for
}

// Milliseconds when the members have changed, else nothing: most changes are of health.
void Hash::know(std::span<const Candidate> members) {
  told_ = true;
  const auto as_member = [](const Candidate& c) { return Member{c.key, c.weight}; };
  if (std::ranges::equal(members, members_, {}, as_member)) return;

  std::vector<Member> fresh;
  std::vector<std::string> names;
  std::vector<MaglevTable::Target> targets;
  fresh.reserve(members.size());
  names.reserve(members.size());
  targets.reserve(members.size());
  for (const Candidate& c : members) {
    fresh.push_back(as_member(c));
    names.push_back(c.target->id());
    targets.push_back({names.back(), c.weight});
  }
  table_.build(targets);
  members_.swap(fresh);  // cannot throw: they are those of the table at any time
}

void Hash::rebuild(std::span<const Candidate> candidates) {
  // Without know(), or with what it does not explain, the usable ones are all there is.
  if (!std::exchange(told_, false) || !find_candidates(candidates)) {
    know(candidates);
    told_ = false;
    find_candidates(candidates);
  }
  candidates_ = candidates;
  picks_since_ = 0;
  weights_ = std::accumulate(weight_of_.begin(), weight_of_.end(), 0.0);
}

// Both lists are in the order of the spec. False when one of them is not a member.
bool Hash::find_candidates(std::span<const Candidate> candidates) {
  candidate_of_.assign(members_.size(), none);
  weight_of_.resize(candidates.size());
  std::size_t member = 0;
  for (std::uint32_t i = 0; i < candidates.size(); ++i, ++member) {
    while (member < members_.size() && members_[member].key != candidates[i].key) ++member;
    if (member == members_.size()) return false;
    candidate_of_[member] = i;
    weight_of_[i] = members_[member].weight;
  }
  return true;
}

}  // namespace

std::unique_ptr<Strategy> make_hash(const StrategyArgs& args) {
  // No seed of the process's own, no loop's own start: all must agree.
  return std::make_unique<Hash>(args);
}

}  // namespace evenkeel::strategy
