// The built-in strategies: one maker a file.
#pragma once

#include <memory>

#include "evenkeel/strategy.hpp"

namespace evenkeel::strategy {

std::unique_ptr<Strategy> make_roundrobin(const StrategyArgs& args);
std::unique_ptr<Strategy> make_leastconn(const StrategyArgs& args);
std::unique_ptr<Strategy> make_first(const StrategyArgs& args);
std::unique_ptr<Strategy> make_random(const StrategyArgs& args);
std::unique_ptr<Strategy> make_p2c(const StrategyArgs& args);
std::unique_ptr<Strategy> make_ewma(const StrategyArgs& args);
std::unique_ptr<Strategy> make_hotcold(const StrategyArgs& args);
std::unique_ptr<Strategy> make_hash(const StrategyArgs& args);

}  // namespace evenkeel::strategy
