// `evenkeel cert`: a certificate for trying things out.
#pragma once

#include <string>
#include <vector>

#include "exit_codes.hpp"

namespace evenkeel::cli {

struct CertOptions {
  std::vector<std::string> names;
  std::string directory = ".";
  unsigned days = 365;
  bool force = false;
};

ExitCode cert(const CertOptions& options);

}  // namespace evenkeel::cli
