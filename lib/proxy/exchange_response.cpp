// The response on its way to the client.
#include <cerrno>

#include "http/cookie.hpp"
#include "http/rewrite.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"
#include "proxy/record_text.hpp"

namespace evenkeel::proxy {
namespace {

constexpr std::uint8_t max_interims = 16;

constexpr Error closed{ErrorCode::connection_closed, Fault::target, false, 0};
constexpr Error bad_response{ErrorCode::bad_response, Fault::target, false, 0};

}  // namespace

void Exchange::on_upstream_readable() noexcept {
  if (bulk_.active()) return move_bulk_response();
  const std::span<char> buffer = core_.reactor.read_buffer();
  const Result<std::size_t> count = upstream_->read(buffer);
  if (!count) {
    if (count.error().os_error != EAGAIN) on_response_end(count.error());
    return;
  }
  if (*count == 0) return on_response_end(closed);
  target_spoke_ = true;
  const std::span<char> bytes = buffer.first(*count);
  if (in_tunnel()) return tunnel_to_client(bytes);
  if (response_started_) return forward_body(bytes);

  base::Buffer& partial = upstream_->partial_head();
  if (partial.empty()) return on_response_bytes(bytes);
  if (!partial.append({bytes.data(), bytes.size()})) return fail_attempt(bad_response);
  base::Buffer whole = std::move(partial);
  on_response_bytes(whole.bytes());
}

// Bytes before the final head: interim responses, then the final one, however they arrive.
void Exchange::on_response_bytes(std::span<char> bytes) noexcept {
  while (!bytes.empty() && upstream_ != nullptr && !response_started_) {
    const std::size_t used = take_head(bytes);
    if (used == 0) return;
    bytes = bytes.subspan(used);
  }
}

// Returns the bytes used up; 0 when the head has not come whole, or nothing is left to do.
std::size_t Exchange::take_head(std::span<char> bytes) noexcept {
  const std::uint32_t limit = core_.options.limits.head_bytes;
  const std::string_view text(bytes.data(), bytes.size());
  const http::HeadScanner::State state = response_scanner_.scan(text);
  const bool incomplete = state == http::HeadScanner::State::incomplete;
  const bool too_long = incomplete ? text.size() > limit : response_scanner_.length() > limit;
  if (state == http::HeadScanner::State::bad || too_long) {
    fail_attempt(bad_response);
    return 0;
  }
  if (incomplete) {
    if (!upstream_->partial_head().append(text)) fail_attempt(bad_response);
    return 0;
  }
  const UpstreamConnection* const speaking = upstream_;
  const std::size_t length = response_scanner_.length();
  response_scanner_.reset();
  http::ResponseHead head;
  const http::ResponseContext context{to_head_, upgrade_, core_.options.limits.headers};
  if (!http::read_response_head(text.substr(0, length), context, core_.fields, head)) {
    fail_attempt(bad_response);
    return 0;
  }
  if (head.is_interim()) {
    forward_interim(head);
    return upstream_ == speaking ? length : 0;
  }
  const std::span<char> rest = bytes.subspan(length);
  if (head.status == 101) {
    begin_tunnel(head, rest);
  } else {
    begin_response(head, rest);
  }
  return 0;
}

http::ResponseRewrite Exchange::response_rewrite() const noexcept {
  const HttpOptions& options = core_.options;
  http::ResponseRewrite rewrite{.via = options.via,
                                .hsts = core_.hsts(),
                                .client_minor_version = client_minor_version_,
                                .client_keep_alive = client_keep_alive_};
  if (!options.sticky.cookie.empty() && lease_.token() != prefer_ && !http::is_for_everybody(core_.fields)) {
    rewrite.sticky_name = options.sticky.cookie;
    rewrite.sticky_token = lease_.token();
    rewrite.sticky_attributes = core_.sticky_attributes;
  }
  return rewrite;
}

void Exchange::forward_interim(const http::ResponseHead& head) noexcept {
  // Each may be as long as a head, and a client that does not read would let them pile up.
  if (++interims_ > max_interims) return fail_attempt(bad_response);
  if (!request_body_.done()) wait(Waiting::request_body);
  if (client_minor_version_ == 0) return;  // HTTP/1.0 knows none
  core_.gather.clear();
  http::gather_response_head(head, core_.fields,
                             {.via = core_.options.via, .client_minor_version = client_minor_version_},
                             core_.gather);
  downstream_started_ = true;
  if (!client_->write(core_.gather.slices())) client_->cut();
}

void Exchange::begin_response(const http::ResponseHead& head, std::span<char> rest) noexcept {
  response_started_ = downstream_started_ = true;
  status_ = head.status;
  note_answer();
  deadline_.cancel();
  request_.clear();
  const bool length_unknown =
      head.framing == http::Framing::until_close || head.framing == http::Framing::chunked;
  const bool ends_with_connection = length_unknown && client_minor_version_ == 0;
  // With part of the request still to come, where the next one begins depends on a body that nobody
  // may ever read.
  if (!request_body_.done() || client_->must_close() || ends_with_connection || holds_early_bytes()) {
    client_keep_alive_ = false;
  }
  keep_upstream_ = head.keep_alive;
  chunks_out_ = http::sends_chunks(head.framing, client_minor_version_);
  response_body_ =
      http::BodyReader(head.framing, head.content_length,
                       {core_.options.limits.chunk_line_bytes, core_.options.limits.trailer_bytes});
  core_.gather.clear();
  http::gather_response_head(head, core_.fields, response_rewrite(), core_.gather);
  write_with_body(rest);
}

// At once, not when the response is over: it may go on for hours.
void Exchange::note_answer() noexcept {
  constexpr int first_error = 500;
  first_byte_ns_ = uv_hrtime();
  lease_.answered(elapsed(asked_ns_, first_byte_ns_),
                  status_ < first_error ? AnswerKind::good : AnswerKind::error);
}

void Exchange::forward_body(std::span<char> bytes) noexcept {
  core_.gather.clear();
  write_with_body(bytes);
}

// Writes what this event has gathered so far (the head, or nothing) and the body in `bytes`.
void Exchange::write_with_body(std::span<char> bytes) noexcept {
  const http::BodyReader::Piece piece = response_body_.take(bytes);
  if (piece.bad) return cut(bad_response);
  if (piece.consumed < bytes.size()) keep_upstream_ = false;  // more than one response: out of step
  http::GatherList& gather = core_.gather;
  if (chunks_out_) {
    http::gather_chunk(piece.data, response_body_.done(), gather);
  } else {
    gather.add(piece.data);
  }
  bytes_out_ += piece.data.size();
  if (!gather.complete()) return cut(bad_response);
  const Result<void> written = gather.empty() ? Result<void>() : client_->write(gather.slices());
  if (!written) return client_->cut();
  if (response_body_.done()) return complete_response();
  wait(Waiting::response_body);
  if (client_->unsent() != 0) return upstream_->pause_reads();
  if (begin_bulk_response()) move_bulk_response();
}

// The target's stream ended, well or not.
void Exchange::on_response_end(const Error& error) noexcept {
  if (in_tunnel()) {
    if (error.code != ErrorCode::connection_closed) return cut(error);
    return on_tunnel_target_end();
  }
  if (!response_started_) return fail_attempt(error);
  keep_upstream_ = false;
  const bool ends_here = error.code == ErrorCode::connection_closed && response_body_.end_of_stream();
  if (!ends_here) return cut(error);
  core_.gather.clear();
  if (chunks_out_) http::gather_chunk({}, true, core_.gather);
  if (!core_.gather.empty() && !client_->write(core_.gather.slices())) return client_->cut();
  complete_response();
}

void Exchange::complete_response() noexcept {
  lease_.report(Outcome::success, bytes_out_);
  release_upstream(keep_upstream_ && request_body_.done() ? Release::keep : Release::close);
  finish(client_keep_alive_ && !holds_early_bytes());
}

void Exchange::on_client_partly_sent() noexcept {
  if (waiting_ == Waiting::response_body || waiting_ == Waiting::tunnel) wait(waiting_);
}

void Exchange::on_client_drained() noexcept {
  if (in_tunnel()) {
    wait(Waiting::tunnel);
    if (!target_ended_) upstream_->resume_reads();
    return end_tunnel_if_done();
  }
  if (!response_started_ || upstream_ == nullptr) return;
  wait(Waiting::response_body);
  if (bulk_.active() || begin_bulk_response()) return move_bulk_response();
  upstream_->resume_reads();
}

}  // namespace evenkeel::proxy
