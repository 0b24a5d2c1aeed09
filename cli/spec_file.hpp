// From the SPEC argument to a Config, or to what is wrong with it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "evenkeel/config.hpp"

namespace evenkeel::cli {

// "-" is standard input. A file that cannot be read is one error at the document, "".
std::expected<Config, std::vector<SpecError>> load_spec(const std::string& spec);

// One line each on stderr, led by the name of the spec when the pointer alone would say nothing.
void print_errors(const std::string& spec, const std::vector<SpecError>& errors);

}  // namespace evenkeel::cli
