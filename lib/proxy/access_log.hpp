// One record a request, for the host's LogSink.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "evenkeel/error.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/target.hpp"

#include "http/request_head.hpp"
#include "net/address.hpp"

namespace evenkeel::proxy {

class ClientConnection;
class HttpCore;

// What a record says of the request, kept until the request is over. The storage is used again, so
// remembering costs no allocation in the steady state. When memory is out, it remembers nothing.
class LoggedRequest {
 public:
  void remember(const http::RequestHead& head) noexcept;
  // The id of the target that was tried last.
  void remember_target(std::string_view id) noexcept;
  void forget() noexcept {
    text_.clear();
    target_.clear();
    ends_ = {};
    minor_version_ = 0;
  }

  [[nodiscard]] std::string_view method() const noexcept { return part(0); }
  [[nodiscard]] std::string_view uri() const noexcept { return part(1); }
  [[nodiscard]] std::string_view host() const noexcept { return part(2); }
  [[nodiscard]] std::string_view user_agent() const noexcept { return part(3); }
  [[nodiscard]] std::string_view referer() const noexcept { return part(4); }
  [[nodiscard]] int minor_version() const noexcept { return minor_version_; }
  [[nodiscard]] std::string_view target() const noexcept { return target_; }

 private:
  [[nodiscard]] std::string_view part(std::size_t i) const noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }

  std::string text_;
  std::string target_;
  std::array<std::size_t, 5> ends_{};
  int minor_version_ = 0;
};

struct Answer {
  int status = 0;
  int retries = 0;
  std::string_view target;
  TargetKey target_key = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t started_ns = 0;     // uv_hrtime()
  std::uint64_t first_byte_ns = 0;  // 0: none came
  const Error* error = nullptr;
};

// Counts the request, tells the port's observer, and writes its record when the port has an access log.
void log_access(HttpCore& core, const ClientConnection& client, const LoggedRequest& request,
                const Answer& answer) noexcept;
// The record of a connection that did not get as far as a request.
void log_failed_handshake(HttpCore& core, const ClientConnection& client, const Error& error) noexcept;
// The record of a connection that was answered with `status` and closed before it could ask for anything.
void log_turned_away(HttpCore& core, const net::PeerIp& peer, int status) noexcept;

}  // namespace evenkeel::proxy
