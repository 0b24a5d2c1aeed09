// `evenkeel run SPEC`.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "exit_codes.hpp"
#include "log_output.hpp"

namespace evenkeel::cli {

struct RunOptions {
  std::string spec;
  unsigned workers = 0;  // 0: as the spec says, else one a core
  LogFormat log_format = LogFormat::automatic;
  std::optional<LogFormat> access_format;  // that of the log when nobody says
  bool access_log = false;                 // for every port, whatever the spec says
  bool verbose = false;
  bool watch = false;                                      // the spec's file, and reload it when it changes
  std::optional<std::chrono::milliseconds> drain_timeout;  // instead of the spec's
};

// Returns when a signal has ended it, or when it could not start.
ExitCode run(const RunOptions& options);

}  // namespace evenkeel::cli
