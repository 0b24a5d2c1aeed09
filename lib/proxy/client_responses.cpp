// How a client's requests begin and its responses end.
#include <algorithm>
#include <ctime>

#include "http/own_response.hpp"
#include "http/rewrite.hpp"
#include "proxy/access_log.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {
namespace {

constexpr std::chrono::milliseconds linger_time{2'000};
constexpr std::uint32_t linger_bytes = 1'048'576;

std::string_view detail_for(int status) noexcept {
  switch (status) {
    case 400:
      return "The request is not valid HTTP/1.1.";
    case 405:
      return "This method is not allowed through this proxy.";
    case 408:
      return "The request head did not arrive in time.";
    case 413:
      return "The request body is larger than this port allows.";
    case 414:
      return "The request target is longer than this port allows.";
    case 417:
      return "The expectation is not one that this proxy knows.";
    case 429:
      return "This address has too many connections.";
    case 431:
      return "The request head is larger than this port allows.";
    case 501:
      return "The request method is not known.";
    case 503:
      return "This proxy is out of memory.";
    case 505:
      return "Only HTTP/1.1 and HTTP/1.0 are spoken here.";
    case 508:
      return "The request has been through this proxy before.";
    default:
      return "";
  }
}

// The protocol as the options spell it, which outlives the head; empty when it is not allowed.
std::string_view allowed_upgrade(const std::vector<std::string>& allowed, std::string_view asked) noexcept {
  const auto same = [&](const std::string& name) { return http::equals_ignoring_case(name, asked); };
  const auto found = std::ranges::find_if(allowed, same);
  return found == allowed.end() ? std::string_view() : std::string_view(*found);
}

int judge(const HttpCore& core, const http::RequestHead& head) noexcept {
  const std::uint64_t body_limit = core.options.limits.body_bytes;
  if (body_limit != 0 && head.content_length > body_limit) return 413;
  if (!core.options.via.empty() && http::passed_through(core.fields, core.options.via)) return 508;
  return 0;
}

}  // namespace

std::size_t ClientConnection::start_exchange(std::span<char> bytes, std::span<char> rest) noexcept {
  ++served_;
  http::RequestHead head;
  const HttpLimits& limits = core_.options.limits;
  int status = http::read_request_head({bytes.data(), bytes.size()}, {limits.headers, limits.uri_bytes},
                                       core_.fields, head);
  if (status == 0) status = judge(core_, head);
  if (status != 0) return refuse(status, head), 0;
  timeout_.cancel();
  if (answer_here(head)) return ended_ ? 0 : bytes.size();
  head.upgrade = allowed_upgrade(core_.options.upgrades, head.upgrade);
  exchange_ = core_.take_exchange();
  if (exchange_ == nullptr) return refuse(503, head), 0;
  phase_ = Phase::busy;
  return bytes.size() + exchange_->start(*this, head, rest);
}

// After an answer of our own. What follows a body that nobody reads, or a request to switch protocols that
// was not granted, cannot be told from a request.
bool ClientConnection::may_keep(const http::RequestHead& head) const noexcept {
  return head.keep_alive && head.framing == http::Framing::none && !head.asks_upgrade && !must_close();
}

// An answer of our own to a request that there is nothing wrong with.
void ClientConnection::answer_self(const http::RequestHead& head, http::OwnResponse response) noexcept {
  response.as_json = http::prefers_json(head.accept);
  response.to_head = head.is_head;
  response.keep_alive = may_keep(head);
  response.client_minor_version = head.minor_version;
  response.hsts = core_.hsts();
  response.now = std::time(nullptr);
  answer(head, http::render(response), response.status);
  if (!ended_) exchange_done(response.keep_alive, head.framing != http::Framing::none);
}

void ClientConnection::redirect(const http::RequestHead& head) noexcept {
  const std::string_view location = core_.options.redirect;
  const bool keep_path = location.ends_with('/') && head.path.starts_with('/');
  http::OwnResponse response;
  response.status = 301;
  response.location = location;
  if (keep_path) response.location_rest = head.path.substr(1);
  answer_self(head, response);
}

// A client that keeps to its rate from now on may keep its connection.
void ClientConnection::answer_over_rate(const http::RequestHead& head,
                                        std::chrono::nanoseconds wait) noexcept {
  ++core_.stats.requests_limited;
  http::OwnResponse response;
  response.status = 429;
  response.detail = "This address has sent too many requests.";
  response.retry_after_s = static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(wait).count());
  answer_self(head, response);
}

// True when the request was answered here, without a target.
bool ClientConnection::answer_here(const http::RequestHead& head) noexcept {
  if (core_.client_guard) {
    const auto wait = core_.client_guard->take(seat_, std::chrono::milliseconds(reactor_.now_ms()));
    if (wait.count() != 0) return answer_over_rate(head, wait), true;
  }
  if (refuses(head)) return true;
  if (head.max_forwards == 0U) {
    // It has come as far as it was meant to: RFC 9110 section 7.6.2 makes us the final recipient.
    http::OwnResponse response;
    response.status = 200;
    response.tells_methods = true;
    return answer_self(head, response), true;
  }
  if (!core_.options.redirect.empty()) return redirect(head), true;
  return false;
}

// RFC 9110 section 15.5.1. The first bytes of the request went to OpenSSL: the rest can only be forgotten.
void ClientConnection::answer_plain_http() noexcept {
  speak_plainly();
  answer({},
         http::render({.status = 400,
                       .detail = "This port speaks HTTPS, and the request was plain HTTP.",
                       .location = {},
                       .now = std::time(nullptr)}),
         400);
  if (!ended_) exchange_done(false, true);
}

// After a request that was refused nothing on the connection can be trusted to be a request.
void ClientConnection::refuse(int status, const http::RequestHead& head) noexcept {
  answer(head,
         http::render({.status = status,
                       .detail = detail_for(status),
                       .location = {},
                       .hsts = core_.hsts(),
                       .as_json = http::prefers_json(head.accept),
                       .to_head = head.method == "HEAD",
                       .keep_alive = false,
                       .client_minor_version = head.minor_version,
                       .now = std::time(nullptr)}),
         status);
  if (!ended_) exchange_done(false, true);
}

void ClientConnection::answer(const http::RequestHead& head, const std::string& text, int status) noexcept {
  LoggedRequest logged;
  if (core_.options.access_log) logged.remember(head);
  log_access(core_, *this, logged,
             {.status = status, .target = {}, .bytes_out = text.size(), .started_ns = uv_hrtime()});
  if (text.empty() || !write(text)) end();
}

void ClientConnection::exchange_done(bool keep_alive, bool unread) noexcept {
  exchange_ = nullptr;
  unread_input_ = unread;
  const bool no_more = half_closed_ && in_.empty();
  if (!keep_alive || no_more || core_.draining) return close_after_response();
  wait_for_request();
}

void ClientConnection::wait_for_request() noexcept {
  phase_ = Phase::idle;
  const HttpTimeouts& timeouts = core_.options.timeouts;
  if (unsent() == 0) {
    wait(timeouts.idle);
  } else {
    reactor_.timeouts().set(timeout_, timeouts.body);
  }
  // First what is here already: reading on meanwhile would let a client that pipelines, or one that
  // does not read its responses, grow its buffer without bound.
  if (!in_.empty() || unsent() != 0) pause_reads();
  if (!in_.empty() && unsent() == 0) return reactor_.defer(*this);
  if (in_.empty() && unsent() == 0 && !half_closed_) resume_reads();
}

void ClientConnection::close_after_response() noexcept {
  phase_ = Phase::closing;
  unread_input_ = unread_input_ || !in_.empty();
  in_.clear();
  if (unsent() != 0) {
    reactor_.timeouts().set(timeout_, core_.options.timeouts.body);
    return pause_reads();
  }
  if (unread_input_ && !half_closed_) return linger();
  end();
}

// Closing with bytes unread makes the kernel send a reset, which can overtake the response and erase
// it at the client. RFC 9112 section 9.6.
void ClientConnection::linger() noexcept {
  phase_ = Phase::lingering;
  shut_write();
  resume_reads();
  reactor_.timeouts().set(timeout_, linger_time);
}

void ClientConnection::discard(std::size_t count) noexcept {
  discarded_ += static_cast<std::uint32_t>(count);
  // Not end(): the response may still be in the kernel, and a reset would erase it. The timer ends it.
  if (discarded_ > linger_bytes) pause_reads();
}

void ClientConnection::on_stream_end() noexcept {
  half_closed_ = true;
  pause_reads();
  switch (phase_) {
    case Phase::lingering:
      return end();
    case Phase::closing:
      return;
    case Phase::busy:
      if (exchange_ != nullptr && exchange_->wants_client_bytes()) exchange_->on_client_stream_end();
      return;
    case Phase::head:
      return give_up_head();
    case Phase::header:
    case Phase::handshake:
      return end();
    case Phase::idle:
      // Requests that wait for the last response to drain are still answered.
      if (in_.empty() && unsent() == 0) end();
      return;
  }
}

// Part of a head came, the rest will not.
void ClientConnection::give_up_head() noexcept {
  const Error error{ErrorCode::client_closed, Fault::client, false, 0};
  log_access(core_, *this, {}, {.target = {}, .started_ns = uv_hrtime(), .error = &error});
  end();
}

void ClientConnection::on_partly_sent() noexcept {
  if (exchange_ != nullptr) return exchange_->on_client_partly_sent();
  reactor_.timeouts().set(timeout_, core_.options.timeouts.body);
}

void ClientConnection::on_drained() noexcept {
  if (exchange_ != nullptr) return exchange_->on_client_drained();
  if (phase_ == Phase::closing) return close_after_response();
  if (phase_ != Phase::idle) return;
  if (core_.draining || (half_closed_ && in_.empty())) return close_after_response();
  wait_for_request();
}

void ClientConnection::on_failed() noexcept {
  if (phase_ == Phase::head) return give_up_head();
  end();
}

void ClientConnection::on_timeout() noexcept {
  if (phase_ == Phase::head) return refuse(408);
  // It is not the client that is waited for: its request is there, and the question has its own limit.
  if (phase_ == Phase::idle && asking_who_) return wait(core_.options.timeouts.idle);
  if (phase_ == Phase::handshake) {
    ++core_.stats.tls_failures;
    log_failed_handshake(core_, *this, {ErrorCode::client_timeout, Fault::client, false, 0});
  }
  stop();
}

}  // namespace evenkeel::proxy
