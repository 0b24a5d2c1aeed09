// From the SPEC argument to what can run, or to what is wrong with it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/docker_discovery.hpp"

#include "port_tls.hpp"

namespace evenkeel::cli {

// A spec in which everything is right: the files that it names can be used, and this build has what it asks
// for.
struct LoadedSpec {
  Config config;
  std::vector<PortTls> tls;             // of each port
  std::vector<DockerProblem> left_out;  // what containers ask for in vain
};

// Reads files (blocking). "-" is standard input. A spec that cannot be read is one error at the document, "".
// A container's mistake costs its proxy, and no other.
std::expected<LoadedSpec, std::vector<SpecError>> load_spec(const std::string& spec,
                                                            const DockerFindings& found = {});

// One line each on stderr, led by the name of the spec when the pointer alone would say nothing.
void print_errors(const std::string& spec, const std::vector<SpecError>& errors);

}  // namespace evenkeel::cli
