// Reports as the API and `evenkeel status --json` show them. docs/admin-api.md says what each field means.
#pragma once

#include <nlohmann/json.hpp>

#include "port_report.hpp"

namespace evenkeel::cli {

nlohmann::ordered_json to_json(const ProcessReport& report);
nlohmann::ordered_json to_json(const PortReport& report);

}  // namespace evenkeel::cli
