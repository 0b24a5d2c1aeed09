// The page of a scenario's report: report_page.html, as it was at the build.
#pragma once

#include <string_view>

namespace evenkeel::cli {

extern const std::string_view report_page;

}  // namespace evenkeel::cli
