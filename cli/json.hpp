// JSON as the command writes it: members stay in the order in which they are put in.
#pragma once

#include <nlohmann/json.hpp>

namespace evenkeel::cli {

using Json = nlohmann::ordered_json;

}  // namespace evenkeel::cli
