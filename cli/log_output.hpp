// The command's LogSink: log lines to stderr, access records to stdout.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "evenkeel/log.hpp"

#include "line_writer.hpp"

namespace evenkeel::cli {

// automatic: text when the descriptor is a terminal, JSON lines when it is not. combined: access records
// only.
enum class LogFormat : std::uint8_t { automatic, text, json, combined };

// Thread rule: any thread may log once open_access() is done with.
class LogOutput final : public LogSink {
 public:
  explicit LogOutput(LogFormat format, LogLevel least = LogLevel::info);

  // Without it access records are dropped. Before any proxy runs.
  void open_access(LogFormat format);

  void log(LogLevel level, std::string_view event, std::span<const LogField> fields) noexcept override;
  void access(const AccessRecord& record) noexcept override;

  [[nodiscard]] bool text() const noexcept { return text_; }
  [[nodiscard]] bool is_verbose() const noexcept { return least_ == LogLevel::debug; }

 private:
  const LogLevel least_;
  const bool text_;
  const bool colour_;
  void (*write_access_)(fmt::memory_buffer&, std::chrono::system_clock::time_point,
                        const AccessRecord&) = nullptr;
  LineWriter lines_;
  std::optional<LineWriter> records_;
};

}  // namespace evenkeel::cli
