#include "line_format.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iterator>

#include <fmt/chrono.h>

namespace evenkeel::cli {
namespace {

void append(Line& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

int milliseconds_of(WallTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  return static_cast<int>(since.count() % 1'000);
}

void append_local_time(Line& out, WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min,
                 parts.tm_sec, milliseconds_of(time));
}

void append_utc_time(Line& out, WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                 milliseconds_of(time));
}

// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none. Overlong forms,
// surrogates and what lies beyond U+10FFFF are not valid (RFC 3629, section 4).
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

bool needs_quotes(std::string_view value) noexcept {
  return value.empty() || std::ranges::any_of(value, [](char c) {
           return c == ' ' || c == '=' || c == '"' || static_cast<unsigned char>(c) < 0x20;
         });
}

std::string_view colour_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "\x1b[2m";
    case LogLevel::info:
      return "\x1b[32m";
    case LogLevel::warning:
      return "\x1b[33m";
    case LogLevel::error:
      return "\x1b[31m";
  }
  return "";
}

double as_milliseconds(std::chrono::microseconds duration) noexcept {
  return static_cast<double>(duration.count()) / 1'000.0;
}

// "192.0.2.7:51034", "[2001:db8::1]:443", "unix".
std::string_view address_of(std::string_view client) noexcept {
  const std::size_t colon = client.rfind(':');
  if (colon == std::string_view::npos) return "-";
  client = client.substr(0, colon);
  return client.starts_with('[') ? client.substr(1, client.size() - 2) : client;
}

void json_member(Line& out, std::string_view key, std::string_view value) {
  append(out, ",");
  append_json_string(out, key);
  append(out, ":");
  append_json_string(out, value);
}

void append_request(Line& out, const AccessRecord& record) {
  fmt::format_to(std::back_inserter(out), "{} ", record.status);
  append_printable(out, record.method.empty() ? "-" : record.method);
  append(out, " ");
  append_printable(out, record.host);
  append_printable(out, record.uri.empty() ? "-" : record.uri);
  fmt::format_to(std::back_inserter(out), " {:.1f}ms {}B", as_milliseconds(record.duration),
                 record.bytes_out);
}

void json_request(Line& out, const AccessRecord& record) {
  json_member(out, "method", record.method);
  json_member(out, "uri", record.uri);
  json_member(out, "host", record.host);
  json_member(out, "user_agent", record.user_agent);
  fmt::format_to(std::back_inserter(out), R"(,"status":{})", record.status);
}

}  // namespace

void text_line(Line& out, WallTime time, LogLevel level, std::string_view event,
               std::span<const LogField> fields, bool colour) {
  append_local_time(out, time);
  append(out, " ");
  if (colour) append(out, colour_of(level));
  fmt::format_to(std::back_inserter(out), "{:<7}", to_string(level));
  if (colour) append(out, "\x1b[0m");
  append(out, " ");
  append(out, event);
  for (const LogField& field : fields) {
    append(out, " ");
    append(out, field.key);
    append(out, "=");
    const std::string_view quote = needs_quotes(field.value) ? "\"" : "";
    append(out, quote);
    append_printable(out, field.value);
    append(out, quote);
  }
  append(out, "\n");
}

void json_line(Line& out, WallTime time, LogLevel level, std::string_view event,
               std::span<const LogField> fields) {
  append(out, R"({"time":")");
  append_utc_time(out, time);
  append(out, R"(","level":)");
  append_json_string(out, to_string(level));
  json_member(out, "event", event);
  for (const LogField& field : fields) json_member(out, field.key, field.value);
  append(out, "}\n");
}

void text_access(Line& out, WallTime time, const AccessRecord& record) {
  append_local_time(out, time);
  fmt::format_to(std::back_inserter(out), " {} ", record.client);
  if (record.protocol == "http") {
    append_request(out, record);
  } else {
    fmt::format_to(std::back_inserter(out), "{} {} {:.1f}ms {}B in {}B out", record.protocol, record.port,
                   as_milliseconds(record.duration), record.bytes_in, record.bytes_out);
  }
  if (!record.target.empty()) fmt::format_to(std::back_inserter(out), " -> {}", record.target);
  if (record.retries > 0) fmt::format_to(std::back_inserter(out), " after {} retries", record.retries);
  if (!record.error.empty()) fmt::format_to(std::back_inserter(out), " error={}", record.error);
  append(out, "\n");
}

void json_access(Line& out, WallTime time, const AccessRecord& record) {
  append(out, R"({"time":")");
  append_utc_time(out, time);
  append(out, "\"");
  json_member(out, "event", "access");
  json_member(out, "port", record.port);
  json_member(out, "protocol", record.protocol);
  json_member(out, "client", record.client);
  if (record.protocol == "http") json_request(out, record);
  json_member(out, "target", record.target);
  fmt::format_to(std::back_inserter(out),
                 R"(,"retries":{},"bytes_in":{},"bytes_out":{},"duration_ms":{:.3f},"ttfb_ms":{:.3f})",
                 record.retries, record.bytes_in, record.bytes_out, as_milliseconds(record.duration),
                 as_milliseconds(record.time_to_first_byte));
  if (!record.error.empty()) json_member(out, "error", record.error);
  append(out, "}\n");
}

void combined_access(Line& out, WallTime time, const AccessRecord& record) {
  append(out, address_of(record.client));
  fmt::format_to(std::back_inserter(out), " - - [{:%d/%b/%Y:%H:%M:%S} +0000] ",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
  append(out, "\"");
  if (record.protocol == "http") {
    append_printable(out, record.method.empty() ? "-" : record.method);
    append(out, " ");
    append_printable(out, record.uri.empty() ? "-" : record.uri);
    fmt::format_to(std::back_inserter(out), " HTTP/1.{}", record.minor_version);
  } else {
    append(out, record.protocol);
    append(out, " ");
    append_printable(out, record.port);
  }
  fmt::format_to(std::back_inserter(out), "\" {:03} {}", record.status, record.bytes_out);
  for (const std::string_view text : {record.referer, record.user_agent}) {
    append(out, " \"");
    append_printable(out, text.empty() ? "-" : text);
    append(out, "\"");
  }
  for (const std::string_view text : {record.host, record.target}) {
    append(out, " ");
    append_printable(out, text.empty() ? "-" : text);
  }
  fmt::format_to(std::back_inserter(out), " {} {:.3f} {:.3f} {}\n", record.retries,
                 as_milliseconds(record.time_to_first_byte) / 1'000.0,
                 as_milliseconds(record.duration) / 1'000.0, record.error.empty() ? "-" : record.error);
}

void append_json_string(Line& out, std::string_view text) {
  append(out, "\"");
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      append(out, "\\ufffd");
    } else if (byte == '"' || byte == '\\') {
      append(out, "\\");
      append(out, text.substr(0, 1));
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      append(out, text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  append(out, "\"");
}

void append_printable(Line& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    // C1 controls (0xc2 0x80..0x9f) start escape sequences on some terminals, just like ESC does.
    const bool c1 = length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0 || byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\' || c1) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      text.remove_prefix(1);
    } else {
      append(out, text.substr(0, length));
      text.remove_prefix(length);
    }
  }
}

}  // namespace evenkeel::cli
