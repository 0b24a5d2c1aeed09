// `evenkeel simulate SCENARIO`: what would happen to a fleet, on virtual time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exit_codes.hpp"

namespace evenkeel::cli {

struct SimulateOptions {
  std::string scenario;                 // a file; "-" is standard input
  std::vector<std::string> strategies;  // instead of the scenario's
  std::optional<std::uint64_t> seed;    // the same
  bool live = false;                    // on real sockets
  bool json = false;
  std::string report;  // an HTML file to write; none when empty
};

ExitCode simulate(const SimulateOptions& options);

}  // namespace evenkeel::cli
