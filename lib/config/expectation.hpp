// What has to hold of a scenario, in words: "p99 of ewma < 50% of p99 of leastconn between 10s and 60s".
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "evenkeel/scenario.hpp"

namespace evenkeel::config {

//   expectation = quantity relation (value | [number ("*" | "%" "of")] quantity) ["between" duration "and"
//   duration] quantity    = ("p50" | "p99.9" | "mean" | "max" | "requests" | "errors" | "retries" |
//   "ejections"
//                 | "share" "(" target ")" | "in flight max" ["(" target ")"] | "moved clients") ["of"
//                 strategy]
//   relation    = "<" | "<=" | ">" | ">=" | "=="
//   value       = number ["%" | "us" | "ms" | "s"]
//
// Without "between" its time is that from `from` to `to`. The error is what would be right.
std::expected<Expectation, std::string> parse_expectation(std::string_view text,
                                                          std::chrono::milliseconds from,
                                                          std::chrono::milliseconds to);

}  // namespace evenkeel::config
