// `evenkeel check SPEC`: what would run, without running it.
#pragma once

#include <string>

#include "exit_codes.hpp"

namespace evenkeel::cli {

struct CheckOptions {
  std::string spec;
  bool json = false;
};

ExitCode check(const CheckOptions& options);

}  // namespace evenkeel::cli
