// Where a port on a tailnet is served.
#pragma once

#include <string>

namespace evenkeel::cli {

struct TailnetPlace {
  std::string
      name{};  // that clients know it by, "app.tail1234.ts.net"; empty until the tailnet has given one
  std::string reason{};  // why it is not served, for a person; empty also when it is about to be
  bool is_served = false;
};

}  // namespace evenkeel::cli
