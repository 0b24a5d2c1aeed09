#include "scenario_file.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <utility>

#include "spec_file.hpp"

namespace evenkeel::cli {
namespace {

// A time in milliseconds a line; what follows a comma is somebody else's, and so is a first line of names.
std::expected<std::vector<std::chrono::nanoseconds>, std::string> read_times(
    const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return std::unexpected("cannot be read");
  std::vector<std::chrono::nanoseconds> times;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    double ms = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), ms);
    const bool is_time = error == std::errc() && ms > 0 && ms < 1e7;
    const bool is_ended = end == line.data() + line.size() || *end == ',' || *end == '\r';
    if (is_time && is_ended) {
      times.emplace_back(static_cast<std::chrono::nanoseconds::rep>(ms * 1e6));
    } else if (number > 1 && !line.empty()) {
      return std::unexpected("has no time in line " + std::to_string(number));
    }
  }
  if (times.empty()) return std::unexpected("has no times");
  return times;
}

}  // namespace

std::expected<Scenario, std::vector<SpecError>> load_scenario(const std::string& path) {
  const auto text = read_spec(path);
  if (!text) return std::unexpected(text.error());
  auto scenario = parse_scenario(*text);
  if (!scenario) return scenario;
  const std::filesystem::path folder = std::filesystem::path(path == "-" ? "." : path).parent_path();
  std::vector<SpecError> mistakes;
  for (SimTarget& target : scenario->targets) {
    if (target.service.file.empty()) continue;
    auto times = read_times(folder / target.service.file);
    if (times) {
      target.service.recorded = *std::move(times);
    } else {
      mistakes.push_back({"/targets", target.service.file + ", of " + target.name + ", " + times.error(),
                          "a file with a time in milliseconds a line"});
    }
  }
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes));
  if (scenario->name.empty())
    scenario->name = path == "-" ? "scenario" : std::filesystem::path(path).stem().string();
  return scenario;
}

}  // namespace evenkeel::cli
