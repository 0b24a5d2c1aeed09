// The page at the admin endpoint: status_page.html, as it was at the build.
#pragma once

#include <string_view>

namespace evenkeel::cli {

extern const std::string_view status_page;

}  // namespace evenkeel::cli
