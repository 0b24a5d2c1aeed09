#include <utility>

#include "evenkeel/config.hpp"

namespace evenkeel {

Result<StrategyMaker> strategy_of(const PortSpec& port) {
  auto made = find_strategy(port.strategy);
  if (!made || port.hash_balance_factor == 0) return made;
  return [make = *std::move(made), factor = port.hash_balance_factor](StrategyArgs args) {
    args.hash_balance_factor = factor;
    return make(args);
  };
}

}  // namespace evenkeel
