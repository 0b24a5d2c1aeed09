#include "target_set.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace evenkeel::cli {

std::string_view to_string(TargetSource source) noexcept {
  switch (source) {
    case TargetSource::spec:
      return "spec";
    case TargetSource::discovery:
      return "discovery";
    case TargetSource::runtime:
      return "runtime";
  }
  return "unknown";
}

void TargetSet::set(TargetSource source, std::vector<Target> targets) {
  by_source_[source] = std::move(targets);
  forget_gone();
}

std::optional<TargetSource> TargetSet::source_of(std::string_view id) const {
  for (const auto& [source, targets] : by_source_) {
    if (std::ranges::any_of(targets, [&](const Target& target) { return target.id() == id; })) return source;
  }
  return std::nullopt;
}

std::expected<void, TargetSet::Refusal> TargetSet::add(Target target) {
  const std::string id = target.id();
  if (source_of(id) || has(id)) return std::unexpected(Refusal::duplicate);
  by_source_[TargetSource::runtime].push_back(std::move(target));
  return {};
}

std::expected<void, TargetSet::Refusal> TargetSet::remove(std::string_view id) {
  const auto source = source_of(id);
  if (!source) return std::unexpected(has(id) ? Refusal::not_ours : Refusal::unknown);
  if (*source != TargetSource::runtime) return std::unexpected(Refusal::not_ours);
  std::erase_if(by_source_[TargetSource::runtime], [&](const Target& target) { return target.id() == id; });
  forget_gone();
  return {};
}

std::expected<void, TargetSet::Refusal> TargetSet::change(std::string_view id,
                                                          std::optional<std::uint32_t> weight,
                                                          std::optional<AdminState> state) {
  if (!has(id)) return std::unexpected(Refusal::unknown);
  Override& said = overrides_[std::string(id)];
  if (weight) said.weight = weight;
  if (state) said.state = state;
  return {};
}

bool TargetSet::has(std::string_view id) const {
  return std::ranges::any_of(entries(), [&](const Entry& entry) { return entry.target.id() == id; });
}

void TargetSet::forget_gone() {
  std::set<std::string, std::less<>> ids;
  for (const Entry& entry : entries()) ids.insert(entry.target.id());
  std::erase_if(overrides_, [&](const auto& entry) { return !ids.contains(entry.first); });
}

std::vector<Target> TargetSet::named() const {
  std::vector<Target> all;
  for (const auto& [source, targets] : by_source_) all.insert(all.end(), targets.begin(), targets.end());
  return all;
}

std::vector<TargetSet::Entry> TargetSet::entries() const {
  std::vector<Entry> all;
  std::set<std::string> seen;
  for (const auto& [source, targets] : by_source_) {
    for (const Target& target : expand_(targets)) {
      std::string id = target.id();
      if (!seen.insert(id).second) continue;
      Entry& entry = all.emplace_back(target, source);
      const auto said = overrides_.find(id);
      if (said == overrides_.end()) continue;
      entry.overridden = true;
      entry.target.weight = said->second.weight.value_or(target.weight);
      entry.target.admin = said->second.state.value_or(target.admin);
    }
  }
  return all;
}

std::vector<Target> TargetSet::targets() const {
  std::vector<Target> all;
  for (Entry& entry : entries()) all.push_back(std::move(entry.target));
  return all;
}

}  // namespace evenkeel::cli
