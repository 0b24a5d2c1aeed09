#include "pool/eligibility.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace evenkeel::pool {
namespace {

struct Tier {
  std::uint64_t enabled = 0;
  std::uint64_t up = 0;
  std::uint64_t unknown = 0;
};

bool counts(const Standing& target) noexcept {
  return target.admin == AdminState::enabled && target.weight > 0;
}

// nullopt as health: any.
std::vector<std::uint32_t> members(std::span<const Standing> targets, std::uint32_t tier,
                                   std::optional<Health> health) {
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const Standing& target = targets[i];
    if (counts(target) && target.tier == tier && (!health || target.health == *health)) indices.push_back(i);
  }
  return indices;
}

}  // namespace

std::vector<std::uint32_t> eligible(std::span<const Standing> targets, unsigned panic_percent) {
  std::map<std::uint32_t, Tier> tiers;
  for (const Standing& target : targets) {
    if (!counts(target)) continue;
    Tier& tier = tiers[target.tier];
    ++tier.enabled;
    if (target.health == Health::up) ++tier.up;
    if (target.health == Health::unknown) ++tier.unknown;
  }
  if (tiers.empty()) return {};

  const std::uint64_t percent = std::min(panic_percent, 100U);
  const auto lowest = [&](auto&& condition) {
    return std::ranges::find_if(tiers, [&](const auto& tier) { return condition(tier.second); });
  };
  const auto strong = lowest([&](const Tier& t) { return t.up > 0 && t.up * 100 >= percent * t.enabled; });
  if (strong != tiers.end()) return members(targets, strong->first, Health::up);
  const auto weak = lowest([](const Tier& t) { return t.up > 0; });
  if (weak != tiers.end()) return members(targets, weak->first, std::nullopt);
  const auto unseen = lowest([](const Tier& t) { return t.unknown > 0; });
  if (unseen != tiers.end()) return members(targets, unseen->first, Health::unknown);
  if (percent > 0) return members(targets, tiers.begin()->first, std::nullopt);
  return {};
}

std::vector<std::uint32_t> members_of(std::span<const Standing> targets, std::uint32_t tier) {
  return members(targets, tier, std::nullopt);
}

}  // namespace evenkeel::pool
