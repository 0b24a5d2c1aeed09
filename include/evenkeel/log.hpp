// Where the library's log lines and access records go. Silent unless the host hands in a sink.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"

namespace evenkeel {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

EVENKEEL_API std::string_view to_string(LogLevel level) noexcept;

struct LogField {
  std::string_view key;
  std::string_view value;
};

// One answered (or refused) request of an http port, or one connection or session of another port; the
// fields of a request are empty then. Strings are as received, control characters and all never
// appear: a head that holds any was refused and its fields are empty. Valid during the call only.
struct AccessRecord {
  std::string_view port;               // the port's name: "myapp 80/http"
  std::string_view protocol = "http";  // or "tcp", "udp"
  std::string_view client;             // "192.0.2.7:51034"
  std::string_view method;
  std::string_view uri;
  std::string_view host;
  std::string_view user_agent;
  std::string_view referer = {};
  int minor_version = 0;    // of HTTP/1
  std::string_view target;  // id of the last target tried; empty when none was
  int status = 0;           // what the client was sent; 0 when it went away before
  int retries = 0;
  std::uint64_t bytes_in = 0;   // request body bytes, or all from the client
  std::uint64_t bytes_out = 0;  // response body bytes, or all to the client
  std::chrono::microseconds duration{0};
  std::chrono::microseconds time_to_first_byte{0};
  std::string_view error;  // name of the ErrorCode when something failed, else empty
};

// Thread rule: called from every loop that was given the sink, also at the same time; must not
// block or throw. The sink must outlive whatever holds it. The base class is the silent default.
class EVENKEEL_API LogSink {
 public:
  virtual ~LogSink() = default;
  // `event` is a stable name ("target_down"), the fields are its particulars.
  virtual void log(LogLevel level, std::string_view event, std::span<const LogField> fields) noexcept;
  virtual void access(const AccessRecord& record) noexcept;
};

}  // namespace evenkeel
