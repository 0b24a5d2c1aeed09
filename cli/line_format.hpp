// What a log line and an access record look like, for people and for programs. Pure functions.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "evenkeel/log.hpp"

namespace evenkeel::cli {

using Line = fmt::memory_buffer;  // short lines need no allocation
using WallTime = std::chrono::system_clock::time_point;

// "19:18:23.042 info  target_down target=http://db1:5432 reason="connect_refused"", in local time.
void text_line(Line& out, WallTime time, LogLevel level, std::string_view event,
               std::span<const LogField> fields, bool colour);
// {"time":"2026-11-24T19:18:23.042Z","level":"info","event":"target_down","target":"..."}
void json_line(Line& out, WallTime time, LogLevel level, std::string_view event,
               std::span<const LogField> fields);

void text_access(Line& out, WallTime time, const AccessRecord& record);
void json_access(Line& out, WallTime time, const AccessRecord& record);
// As Apache and nginx write it, in UTC, with what a balancer adds behind it: the host that was asked for, the
// target, retries, seconds to the first byte and in all, and what failed.
//   192.0.2.7 - - [24/Nov/2026:19:18:23 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8" app.example
//   http://db1:80 0 0.003 0.004 -
// A record of another protocol has its name and its port for a request; a client that went away unanswered,
// 000.
void combined_access(Line& out, WallTime time, const AccessRecord& record);

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD: one bad
// byte in a URI must not make the whole line unreadable.
void append_json_string(Line& out, std::string_view text);
// Appends `text` so that it can do no harm on a terminal: control characters and quotes as \xNN.
void append_printable(Line& out, std::string_view text);

}  // namespace evenkeel::cli
