#include "proxy/access_log.hpp"

#include <array>
#include <new>

#include "proxy/client_connection.hpp"
#include "proxy/http_core.hpp"
#include "proxy/record_text.hpp"

namespace evenkeel::proxy {
namespace {

void write_record(HttpCore& core, const PeerName& peer, const LoggedRequest& request,
                  const Answer& answer) noexcept {
  std::array<char, max_peer_text> client;
  const std::uint64_t now_ns = uv_hrtime();
  const AccessRecord record{
      .port = core.options.name,
      .client = peer_text(peer, client),
      .method = request.method(),
      .uri = request.uri(),
      .host = request.host(),
      .user_agent = request.user_agent(),
      .referer = request.referer(),
      .minor_version = request.minor_version(),
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

}  // namespace

void LoggedRequest::remember(const http::RequestHead& head) noexcept {
  text_.clear();
  const std::string_view parts[] = {head.method, head.target, head.host, head.user_agent, head.referer};
  try {
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      text_ += parts[i];
      ends_[i] = text_.size();
    }
    minor_version_ = head.minor_version;
  } catch (const std::bad_alloc&) {
    forget();
  }
}

void LoggedRequest::remember_target(std::string_view id) noexcept {
  try {
    target_ = id;
  } catch (const std::bad_alloc&) {
    target_.clear();
  }
}

void log_access(HttpCore& core, const ClientConnection& client, const LoggedRequest& request,
                const Answer& answer) noexcept {
  ++core.stats.requests;
  if (WorkObserver* observer = core.options.observer.get()) {
    const std::uint64_t now_ns = uv_hrtime();
    observer->done({.target = answer.target_key,
                    .status = answer.status,
                    .retries = answer.retries,
                    .bytes_in = answer.bytes_in,
                    .bytes_out = answer.bytes_out,
                    .duration_ns = now_ns - answer.started_ns,
                    .first_byte_ns = answer.first_byte_ns == 0 ? 0 : answer.first_byte_ns - answer.started_ns,
                    .error = answer.error});
  }
  if (core.options.access_log) write_record(core, {client.ip(), client.port()}, request, answer);
}

void log_failed_handshake(HttpCore& core, const ClientConnection& client, const Error& error) noexcept {
  if (!core.options.access_log) return;
  write_record(core, {client.ip(), client.port()}, {},
               {.target = {}, .started_ns = uv_hrtime(), .error = &error});
}

void log_turned_away(HttpCore& core, const net::PeerIp& peer, int status) noexcept {
  if (!core.options.access_log) return;
  constexpr Error over_limit{ErrorCode::over_limit, Fault::client, false, 0};
  char ip[net::max_ip_text];
  write_record(core, {net::ip_text(peer, ip), peer.port}, {},
               {.status = status, .target = {}, .started_ns = uv_hrtime(), .error = &over_limit});
}

}  // namespace evenkeel::proxy
