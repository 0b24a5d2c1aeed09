// A page that shows what a scenario has done: one file, without anything from elsewhere.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "evenkeel/simulation.hpp"

namespace evenkeel::cli {

// Replaces the file. The error is for a person.
std::expected<void, std::string> write_report(const std::string& path, const Scenario& scenario,
                                              std::span<const SimRun> runs,
                                              std::span<const SimVerdict> verdicts);

}  // namespace evenkeel::cli
