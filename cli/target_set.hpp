// The targets of one port: those of the spec, those that others have found or added, and what was said of
// them since.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evenkeel/target.hpp"

namespace evenkeel::cli {

// Who has named a target; the first one's word counts. The spec comes first.
enum class TargetSource : std::uint8_t { spec, discovery, runtime };
std::string_view to_string(TargetSource source) noexcept;

class TargetSet {
 public:
  // What targets stand for, each once: those by name are several, or others by now.
  using Expand = std::function<std::vector<Target>(const std::vector<Target>&)>;
  explicit TargetSet(Expand expand) : expand_(std::move(expand)) {}

  enum class Refusal : std::uint8_t {
    unknown,    // no such target
    duplicate,  // it is there already
    not_ours,   // the spec or discovery has it: it would come back
  };

  struct Entry {
    Target target;
    TargetSource source;
    bool overridden = false;
  };

  // All targets of a source. What was said of targets that are gone is forgotten.
  void set(TargetSource source, std::vector<Target> targets);
  // By an operator: lasts until the process ends, or somebody says otherwise.
  std::expected<void, Refusal> add(Target target);
  std::expected<void, Refusal> remove(std::string_view id);
  // Beside what its source says; nullopt leaves that.
  std::expected<void, Refusal> change(std::string_view id, std::optional<std::uint32_t> weight,
                                      std::optional<AdminState> state);

  // What was said of targets that are gone: to be called when names stand for others.
  void forget_gone();

  // As they were named.
  [[nodiscard]] std::vector<Target> named() const;
  // As they are used.
  [[nodiscard]] std::vector<Entry> entries() const;
  [[nodiscard]] std::vector<Target> targets() const;

 private:
  struct Override {
    std::optional<std::uint32_t> weight;
    std::optional<AdminState> state;
  };
  [[nodiscard]] std::optional<TargetSource> source_of(std::string_view id) const;
  [[nodiscard]] bool has(std::string_view id) const;

  const Expand expand_;
  std::map<TargetSource, std::vector<Target>> by_source_;
  std::map<std::string, Override, std::less<>> overrides_;
};

}  // namespace evenkeel::cli
