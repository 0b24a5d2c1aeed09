// A report in the text format of Prometheus.
#pragma once

#include <string>

#include "port_report.hpp"

namespace evenkeel::cli {

// https://prometheus.io/docs/instrumenting/exposition_formats/; the names are in docs/admin-api.md.
// O(targets).
std::string metrics_text(const ProcessReport& report);

}  // namespace evenkeel::cli
