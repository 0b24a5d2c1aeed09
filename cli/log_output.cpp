#include "log_output.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "line_format.hpp"

namespace evenkeel::cli {
namespace {

bool wants_text(LogFormat format, int fd) noexcept {
  return format == LogFormat::automatic ? ::isatty(fd) == 1 : format == LogFormat::text;
}

// https://no-color.org: set and not empty means no.
bool wants_colour(int fd) noexcept {
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0');
}

LineWriter::LossNotice loss_notice(bool text) {
  return [text](std::uint64_t count) {
    const std::string lines = std::to_string(count);
    const std::array<LogField, 1> fields{{{"lines", lines}}};
    Line line;
    const auto now = std::chrono::system_clock::now();
    if (text) {
      text_line(line, now, LogLevel::warning, "log_lines_lost", fields, false);
    } else {
      json_line(line, now, LogLevel::warning, "log_lines_lost", fields);
    }
    return fmt::to_string(line);
  };
}

}  // namespace

LogOutput::LogOutput(LogFormat format, LogLevel least)
    : least_(least),
      text_(wants_text(format, STDERR_FILENO)),
      colour_(wants_colour(STDERR_FILENO)),
      lines_(STDERR_FILENO, loss_notice(text_)) {}

void LogOutput::open_access(LogFormat format) {
  const bool text = wants_text(format, STDOUT_FILENO);
  write_access_ = text ? text_access : json_access;
  if (format == LogFormat::combined) write_access_ = combined_access;
  records_.emplace(STDOUT_FILENO, loss_notice(text));
}

void LogOutput::log(LogLevel level, std::string_view event, std::span<const LogField> fields) noexcept {
  if (level < least_) return;
  try {
    Line line;
    const auto now = std::chrono::system_clock::now();
    if (text_) {
      text_line(line, now, level, event, fields, colour_);
    } else {
      json_line(line, now, level, event, fields);
    }
    lines_.append({line.data(), line.size()});
  } catch (...) {  // no memory for a long line: the proxy matters more than its log
    lines_.lose();
  }
}

void LogOutput::access(const AccessRecord& record) noexcept {
  if (!records_) return;
  try {
    Line line;
    const auto now = std::chrono::system_clock::now();
    write_access_(line, now, record);
    records_->append({line.data(), line.size()});
  } catch (...) {  // as above
    records_->lose();
  }
}

}  // namespace evenkeel::cli
