#include "proxy/exchange.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include "http/cookie.hpp"
#include "http/hash_key.hpp"
#include "http/own_response.hpp"
#include "http/rewrite.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/record_text.hpp"

namespace evenkeel::proxy {
namespace {

TimePoint now_of(net::Reactor& reactor) noexcept {
  return TimePoint(std::chrono::milliseconds(reactor.now_ms()));
}

int status_for(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::no_target:
    case ErrorCode::connect_refused:
    case ErrorCode::connect_failed:
    case ErrorCode::resolve_failed:
    case ErrorCode::tls_handshake_failed:
      return 503;
    case ErrorCode::connect_timeout:
    case ErrorCode::response_timeout:
      return 504;
    case ErrorCode::client_timeout:
      return 408;
    case ErrorCode::bad_request:
      return 400;
    default:
      return error.fault == Fault::us ? 503 : 502;
  }
}

std::string_view detail_for(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::no_target:
      return "No healthy target is available.";
    case ErrorCode::connect_refused:
      return "The target refused the connection.";
    case ErrorCode::resolve_failed:
      return "The target's name could not be resolved.";
    case ErrorCode::connect_failed:
      return "The target could not be reached.";
    case ErrorCode::tls_handshake_failed:
      return "The target and this proxy did not agree on TLS, or its certificate is not trusted.";
    case ErrorCode::connect_timeout:
      return "The target did not accept the connection in time.";
    case ErrorCode::response_timeout:
      return "The target did not answer in time.";
    case ErrorCode::connection_closed:
    case ErrorCode::connection_reset:
      return "The target closed the connection before it answered.";
    case ErrorCode::bad_response:
      return "The target's answer was not valid HTTP.";
    case ErrorCode::client_timeout:
      return "The request did not arrive in time.";
    default:
      return "";
  }
}

}  // namespace

Exchange::Exchange(HttpCore& core) noexcept
    : core_(core),
      step_timeout_([](void* self) { static_cast<Exchange*>(self)->on_step_timeout(); }, this),
      deadline_([](void* self) { static_cast<Exchange*>(self)->on_deadline(); }, this),
      request_(core.reactor.blocks()),
      bulk_patience_([](void* self) { static_cast<Exchange*>(self)->on_slow_source(); }, this) {}

std::size_t Exchange::start(ClientConnection& client, const http::RequestHead& head,
                            std::span<char> rest) noexcept {
  static_cast<ExchangeState&>(*this) = ExchangeState{};
  client_ = &client;
  started_ns_ = asked_ns_ = uv_hrtime();
  idempotent_ = head.idempotent;
  to_head_ = head.is_head;
  upgrade_ = head.upgrade;
  asked_upgrade_ = head.asks_upgrade;
  expects_continue_ = head.expects_continue;
  client_keep_alive_ = head.keep_alive;
  client_minor_version_ = static_cast<std::uint8_t>(head.minor_version);
  wants_json_ = http::prefers_json(head.accept);
  if (core_.options.access_log) logged_.remember(head);
  const HttpLimits& limits = core_.options.limits;
  request_body_ =
      http::BodyReader(head.framing, head.content_length, {limits.chunk_line_bytes, limits.trailer_bytes});
  remember_client(head);
  core_.retry_budget.on_request(now_of(core_.reactor));
  if (!pick()) {
    give_up({ErrorCode::no_target, Fault::target, true, 0});
    return 0;
  }
  if (!compose_request(head)) {
    give_up({ErrorCode::system, Fault::us, false, ENOMEM});
    return 0;
  }
  const std::size_t consumed = request_body_.done() ? 0 : take_body(rest);
  if (client_ == nullptr) return consumed;
  // A body takes the time it takes, as long as it moves: the deadline begins when it is there.
  if (request_body_.done()) core_.reactor.timeouts().set(deadline_, core_.options.timeouts.request);
  dispatch();
  return consumed;
}

// A retry picks when the head is no longer there.
void Exchange::remember_client(const http::RequestHead& head) noexcept {
  if (core_.picks_by_client) {
    std::string_view key = http::hash_key_of(core_.options.hash_key, head, core_.fields);
    if (key.empty()) key = client_->ip();
    affinity_ = affinity_of({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  }
  const std::string& cookie = core_.options.sticky.cookie;
  if (!cookie.empty()) prefer_ = http::find_sticky_token(core_.fields, cookie);
}

bool Exchange::pick() noexcept {
  PickContext context;
  context.exclude = std::span(tried_.data(), tried_count_);
  context.affinity = affinity_;
  context.prefer = prefer_;
  Result<Lease> lease = core_.balancer.pick(context);
  if (!lease) return false;
  lease_ = std::move(*lease);
  return true;
}

// False when there is no room for the whole head: part of one must never be sent.
bool Exchange::compose_request(const http::RequestHead& head) noexcept {
  const HttpOptions& options = core_.options;
  // Only a client of HTTP/1.0 may come without a host.
  std::string_view authority;
  if (head.host.empty()) {
    const UpstreamGroup* group = core_.upstreams.group(lease_.key(), lease_.target());
    if (group == nullptr) return false;
    authority = group->authority();
  }
  const http::RequestRewrite rewrite{
      .host = options.host,
      .fallback_host = authority,
      .via = options.via,
      .client_ip = client_->ip(),
      .proto = core_.options.tls ? "https" : "http",
      .forwarded = options.forwarded,
      .knows_client = options.identity != nullptr,
      .identity = client_->identity_fields(),
  };
  core_.gather.clear();
  http::gather_request_head(head, core_.fields, rewrite, core_.gather);
  return core_.gather.complete() && keep_gathered();
}

// Adds what was gathered to the request that is kept until a response begins.
bool Exchange::keep_gathered() noexcept {
  for (const iovec& slice : core_.gather.slices()) {
    if (!request_.append({static_cast<const char*>(slice.iov_base), slice.iov_len})) return false;
  }
  return true;
}

void Exchange::dispatch() noexcept {
  sent_ = target_spoke_ = false;
  target_listens_ = true;
  response_scanner_.reset();
  waiting_ = Waiting::connection;
  core_.reactor.at_turn_end(*this);
}

// At the end of the turn, when every event that stood behind the client's has been handled: an idle
// connection that had one is not offered. That costs nothing, a look at each before its use would cost a
// system call a request.
void Exchange::run() noexcept {
  constexpr Error out_of_memory{ErrorCode::system, Fault::us, true, ENOMEM};
  UpstreamGroup* group = core_.upstreams.group(lease_.key(), lease_.target());
  if (group == nullptr) return give_up(out_of_memory);
  target_key_ = lease_.key();
  if (core_.options.access_log) logged_.remember_target(group->id());
  upstream_ = fresh_only_ ? nullptr : core_.upstreams.take_idle(*group, *this);
  reused_ = upstream_ != nullptr;
  if (reused_) return send_request();
  upstream_ = core_.upstreams.connect(*group, *this);
  if (upstream_ == nullptr) give_up(out_of_memory);
}

void Exchange::on_upstream_connected() noexcept {
  send_request();
}

void Exchange::send_request() noexcept {
  const Result<void> written = upstream_->write(request_.view());
  // A write that fails at once has sent nothing: the target cannot have begun the work.
  if (!written) return fail_attempt(written.error());
  sent_ = true;
  ++attempts_;
  if (request_body_.done()) return wait(Waiting::response_head);
  // A client that waits for "100 Continue" is not late with its body: the target is with its answer.
  wait(expects_continue_ && bytes_in_ == 0 ? Waiting::response_head : Waiting::request_body);
  if (upstream_->unsent() == 0) client_->resume_reads();
}

void Exchange::wait(Waiting what) noexcept {
  waiting_ = what;
  const HttpTimeouts& timeouts = core_.options.timeouts;
  switch (what) {
    case Waiting::connection:
      break;  // the connection has its own
    case Waiting::request_body:
    case Waiting::response_body:
      core_.reactor.timeouts().set(step_timeout_, timeouts.body);
      break;
    case Waiting::response_head:
      core_.reactor.timeouts().set(step_timeout_, timeouts.response);
      break;
    case Waiting::tunnel:
      core_.reactor.timeouts().set(step_timeout_, timeouts.tunnel);
      break;
  }
}

void Exchange::on_step_timeout() noexcept {
  switch (waiting_) {
    case Waiting::connection:
      return;
    case Waiting::response_head:
      return fail_attempt({ErrorCode::response_timeout, Fault::target, false, 0});
    case Waiting::request_body:
      // Either the client does not send or the target does not take what was sent.
      if (upstream_ != nullptr && upstream_->unsent() != 0) {
        return fail_attempt({ErrorCode::body_stalled, Fault::target, false, 0});
      }
      return give_up({ErrorCode::client_timeout, Fault::client, false, 0});
    case Waiting::response_body:
      return cut({ErrorCode::body_stalled, is_client_stalling() ? Fault::client : Fault::target, false, 0});
    case Waiting::tunnel:
      return cut({ErrorCode::body_stalled, Fault::client, false, 0});
  }
}

// Nothing moves though the response has begun: it waits for the client to read, or for the rest of the
// client's request.
bool Exchange::is_client_stalling() const noexcept {
  const bool wants_upload = !request_body_.done() && upstream_->unsent() == 0;
  return upstream_->reads_paused() || wants_upload;
}

void Exchange::on_deadline() noexcept {
  const Error error{ErrorCode::response_timeout, Fault::target, false, 0};
  const bool on_target = waiting_ == Waiting::connection || waiting_ == Waiting::response_head;
  if (lease_ && on_target) lease_.report(Outcome::failure);
  give_up(error);
}

void Exchange::on_upstream_failed(const Error& error) noexcept {
  upstream_ = nullptr;
  fail_attempt(error);
}

// Called while the client has not been sent a final head.
void Exchange::fail_attempt(const Error& error) noexcept {
  step_timeout_.cancel();
  release_upstream(Release::close);
  // The target had closed an idle connection just before the request was sent on it: no sign of
  // trouble, so it is neither counted against the target nor is the target avoided.
  const bool hung_up =
      error.code == ErrorCode::connection_closed || error.code == ErrorCode::connection_reset;
  const bool stale = reused_ && hung_up && !target_spoke_;
  if (!stale && error.fault == Fault::target) lease_.report(Outcome::failure);
  if (!stale) note_waited();
  if (stale) fresh_only_ = true;
  if (!stale && tried_count_ < max_tried) tried_[tried_count_++] = lease_.key();
  lease_.release();
  if (!may_retry(error, stale) || !pick()) return give_up(error);
  // The whole pool has refused: going round again would only keep the client waiting.
  if (!sent_ && was_tried(lease_.key())) {
    lease_.release();
    return give_up(error);
  }
  retry();
}

bool Exchange::was_tried(TargetKey key) const noexcept {
  const auto end = tried_.begin() + tried_count_;
  return std::find(tried_.begin(), end, key) != end;
}

// Rules (a) to (d) of docs/architecture.md, "Retries".
bool Exchange::may_retry(const Error& error, bool stale) noexcept {
  if (downstream_started_ || client_ == nullptr || error.fault == Fault::client) return false;
  if (!replayable_) return false;
  if (!sent_) return tried_count_ < max_tried;
  if (!idempotent_) return false;
  if (stale) return true;
  return attempts_ < core_.options.retry.attempts && core_.retry_budget.try_retry(now_of(core_.reactor));
}

void Exchange::retry() noexcept {
  ++retries_;
  ++core_.stats.retries;
  asked_ns_ = uv_hrtime();
  dispatch();
}

void Exchange::give_up(const Error& error) noexcept {
  if (response_started_) return cut(error);
  answer_self(status_for(error), error);
}

void Exchange::answer_self(int status, const Error& error) noexcept {
  error_ = error;
  failed_ = true;
  status_ = status;
  const bool keep = client_keep_alive_ && request_body_.done() && error.fault != Fault::client &&
                    !client_->must_close() && !holds_early_bytes();
  const std::string text = http::render({
      .status = status,
      .detail = detail_for(error),
      .location = {},
      .hsts = core_.hsts(),
      .retry_after_s = status == 503 ? 1U : 0U,
      .as_json = wants_json_,
      .to_head = to_head_,
      .keep_alive = keep,
      .client_minor_version = client_minor_version_,
      .now = std::time(nullptr),
  });
  release_upstream(Release::close);
  if (text.empty() || !client_->write(text)) {
    client_->cut();
    return;
  }
  bytes_out_ = text.size();
  finish(keep);
}

// The client has part of a response, or of a tunnel: all that is left is to let it see that.
void Exchange::cut(const Error& error) noexcept {
  error_ = error;
  failed_ = true;
  if (lease_) lease_.report(error.fault == Fault::target ? Outcome::failure : Outcome::neutral);
  client_->cut();
}

// Nobody waits any longer for a target that was asked, or for a connection to it. While the client has not
// said all, it is the one that is waited for.
void Exchange::note_waited() noexcept {
  const bool is_waited_for = sent_ ? request_body_.done() : waiting_ == Waiting::connection;
  if (!lease_ || response_started_ || !is_waited_for) return;
  lease_.gave_up(elapsed(asked_ns_, uv_hrtime()));
}

void Exchange::cut_off(TargetKey target) noexcept {
  if (!lease_ || lease_.key() != target) return;
  give_up({ErrorCode::drain_timeout, Fault::us, false, 0});
}

void Exchange::on_client_gone() noexcept {
  if (!failed_) error_ = {ErrorCode::client_closed, Fault::client, false, 0};
  failed_ = true;
  // The other end of a tunnel must not take this for the end of what was sent.
  release_upstream(in_tunnel() ? Release::cut : Release::close);
  write_access_log();
  reset();
}

// What came behind a request to switch protocols that was not switched: frames to a client that counted
// on the switch, a request to one that did not. Nobody can tell, so it is neither.
bool Exchange::holds_early_bytes() const noexcept {
  return asked_upgrade_ && !client_->early().empty();
}

void Exchange::release_upstream(Release how) noexcept {
  if (upstream_ == nullptr) return;
  UpstreamConnection* upstream = std::exchange(upstream_, nullptr);
  if (how == Release::keep) return core_.upstreams.give_back(*upstream);
  const bool half_a_request = sent_ && !request_body_.done();
  upstream->end(how == Release::cut || half_a_request);
}

void Exchange::finish(bool keep_client) noexcept {
  write_access_log();
  ClientConnection* client = client_;
  const bool unread = !request_body_.done();
  reset();
  client->exchange_done(keep_client, unread);
}

void Exchange::write_access_log() noexcept {
  log_access(core_, *client_, logged_,
             {.status = status_,
              .retries = retries_,
              .target = logged_.target(),
              .target_key = target_key_,
              .bytes_in = bytes_in_,
              .bytes_out = bytes_out_,
              .started_ns = started_ns_,
              .first_byte_ns = first_byte_ns_,
              .error = failed_ ? &error_ : nullptr});
}

// As new, its storage kept; the object is not used again before the current event is over.
void Exchange::reset() noexcept {
  net::Task::unlink();
  step_timeout_.cancel();
  deadline_.cancel();
  note_waited();
  lease_.release();
  request_.clear();
  bulk_.end(core_.reactor.pipes());
  bulk_patience_.cancel();
  logged_.forget();
  client_ = nullptr;
  core_.give_back(*this);
}

}  // namespace evenkeel::proxy
