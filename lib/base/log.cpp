#include "evenkeel/log.hpp"

#include "evenkeel/work_observer.hpp"

namespace evenkeel {

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "unknown";
}

WorkObserver::~WorkObserver() = default;

void LogSink::log(LogLevel, std::string_view, std::span<const LogField>) noexcept {}
void LogSink::access(const AccessRecord&) noexcept {}

}  // namespace evenkeel
