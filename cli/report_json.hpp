// Reports as the API and `evenkeel status --json` show them. docs/admin-api.md says what each field means.
#pragma once

#include "json.hpp"
#include "port_report.hpp"

namespace evenkeel::cli {

Json to_json(const ProcessReport& report);
Json to_json(const PortReport& report);

}  // namespace evenkeel::cli
