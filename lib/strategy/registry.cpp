// Names of the built-in strategies. A table, not self-registration: what exists can be read here, and
// a static library cannot lose an entry to the linker.
#include <algorithm>
#include <array>

#include "evenkeel/strategy.hpp"

#include "strategy/strategies.hpp"

namespace evenkeel {
namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<Strategy> (*make)(const StrategyArgs&);
};

constexpr std::array entries{
    Entry{"roundrobin", strategy::make_roundrobin},
    Entry{"leastconn", strategy::make_leastconn},
    Entry{"first", strategy::make_first},
    Entry{"random", strategy::make_random},
    Entry{"p2c", strategy::make_p2c},
    Entry{"ewma", strategy::make_ewma},
    Entry{"hotcold", strategy::make_hotcold},
    Entry{"hash", strategy::make_hash},
};

constexpr auto names = [] {
  std::array<std::string_view, entries.size()> out{};
  std::ranges::transform(entries, out.begin(), &Entry::name);
  return out;
}();

}  // namespace

Result<StrategyMaker> find_strategy(std::string_view name) {
  const auto* const found = std::ranges::find(entries, name, &Entry::name);
  if (found == entries.end()) return std::unexpected(Error{ErrorCode::unknown_strategy});
  return found->make;
}

std::span<const std::string_view> strategy_names() noexcept {
  return names;
}

}  // namespace evenkeel
