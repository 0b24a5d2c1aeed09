#include "scenario_report.hpp"

#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>

#include "report_page.hpp"
#include "scenario_results.hpp"

namespace evenkeel::cli {
namespace {

constexpr std::string_view mark = "\"EVENKEEL_RESULTS\"";

// Within a script element nothing may look like its end (HTML, section 4.12.1.3).
std::string for_script(const Json& json) {
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos; at += 6)
    text.replace(at, 1, "\\u003c");
  return text;
}

}  // namespace

std::expected<void, std::string> write_report(const std::string& path, const Scenario& scenario,
                                              std::span<const SimRun> runs,
                                              std::span<const SimVerdict> verdicts) {
  std::string page(report_page);
  page.replace(page.find(mark), mark.size(), for_script(results_json(scenario, runs, verdicts)));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << page;
  file.close();
  if (!file) return std::unexpected("cannot be written: " + std::generic_category().message(errno));
  return {};
}

}  // namespace evenkeel::cli
