#include "proxy/access_log.hpp"

#include <fmt/format.h>

#include "proxy/client_connection.hpp"
#include "proxy/http_core.hpp"

namespace evenkeel::proxy {
namespace {

std::chrono::microseconds elapsed(std::uint64_t from_ns, std::uint64_t to_ns) noexcept {
  constexpr std::uint64_t ns_per_us = 1'000;
  return std::chrono::microseconds(to_ns > from_ns ? (to_ns - from_ns) / ns_per_us : 0);
}

}  // namespace

void LoggedRequest::remember(const http::RequestHead& head) {
  text_.clear();
  const std::string_view parts[] = {head.method, head.target, head.host, head.user_agent};
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    text_ += parts[i];
    ends_[i] = text_.size();
  }
}

void log_access(HttpCore& core, const ClientConnection& client, const LoggedRequest& request,
                const Answer& answer) noexcept {
  ++core.stats.requests;
  if (!core.options.access_log) return;
  char peer[net::max_ip_text + 16];
  const std::string_view ip = client.ip();
  char* end = fmt::format_to(peer, "{}", ip.empty() ? "unix" : "");
  if (ip.find(':') != std::string_view::npos) {
    end = fmt::format_to(peer, "[{}]:{}", ip, client.port());
  } else if (!ip.empty()) {
    end = fmt::format_to(peer, "{}:{}", ip, client.port());
  }
  const std::uint64_t now_ns = uv_hrtime();
  const AccessRecord record{
      .port = core.options.name,
      .client = {peer, static_cast<std::size_t>(end - peer)},
      .method = request.method(),
      .uri = request.uri(),
      .host = request.host(),
      .user_agent = request.user_agent(),
      .target = answer.target,
      .status = answer.status,
      .retries = answer.retries,
      .bytes_in = answer.bytes_in,
      .bytes_out = answer.bytes_out,
      .duration = elapsed(answer.started_ns, now_ns),
      .time_to_first_byte = elapsed(answer.started_ns, answer.first_byte_ns),
      .error = answer.error == nullptr ? std::string_view() : to_string(answer.error->code),
  };
  core.log.access(record);
}

}  // namespace evenkeel::proxy
