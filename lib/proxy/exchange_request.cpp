// The request body on its way to the target.
#include "http/rewrite.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {

bool Exchange::wants_client_bytes() const noexcept {
  return in_tunnel() || !request_body_.done();
}

bool Exchange::can_take_client_bytes() const noexcept {
  return upstream_ != nullptr && sent_ && target_listens_ && upstream_->unsent() == 0;
}

std::size_t Exchange::on_client_bytes(std::span<char> bytes) noexcept {
  if (!in_tunnel()) return take_body(bytes);
  tunnel_to_target(bytes);
  return bytes.size();
}

// Takes the body bytes at the front of `bytes`: into request_ before it was sent, else straight on.
std::size_t Exchange::take_body(std::span<char> bytes) noexcept {
  const http::BodyReader::Piece piece = request_body_.take(bytes);
  bytes_in_ += piece.data.size();
  const std::uint64_t limit = core_.options.limits.body_bytes;
  if (piece.bad) {
    refuse_body(400);
    return bytes.size();
  }
  if (limit != 0 && bytes_in_ > limit) {
    refuse_body(413);
    return bytes.size();
  }
  http::GatherList& gather = core_.gather;
  gather.clear();
  if (request_body_.framing() == http::Framing::chunked) {
    http::gather_chunk(piece.data, request_body_.done(), gather);
  } else {
    gather.add(piece.data);
  }
  if (!sent_) {
    if (!keep_gathered()) refuse_body(503);
    return piece.consumed;
  }
  // From here on the request cannot be sent again: its beginning is not kept.
  replayable_ = false;
  request_.clear();
  if (target_listens_ && !upstream_->write(gather.slices())) {
    // A target may answer and close without reading the body. Its answer is still to be read.
    target_listens_ = false;
  }
  asked_ns_ = uv_hrtime();
  if (request_body_.done()) {
    if (!response_started_) core_.reactor.timeouts().set(deadline_, core_.options.timeouts.request);
    wait(response_started_ ? Waiting::response_body : Waiting::response_head);
  } else {
    wait(response_started_ ? Waiting::response_body : Waiting::request_body);
    if (!can_take_client_bytes()) client_->pause_reads();
  }
  return piece.consumed;
}

void Exchange::refuse_body(int status) noexcept {
  const Error error{ErrorCode::bad_request, Fault::client, false, 0};
  if (response_started_) return cut(error);
  answer_self(status, error);
}

void Exchange::on_client_stream_end() noexcept {
  if (in_tunnel()) {
    client_ended_ = true;
    upstream_->shut_write();
    return end_tunnel_if_done();
  }
  // Half a request: the target must not take it for a whole one.
  error_ = {ErrorCode::client_closed, Fault::client, false, 0};
  failed_ = true;
  client_->end();
}

void Exchange::on_upstream_partly_sent() noexcept {
  if (waiting_ == Waiting::request_body || waiting_ == Waiting::tunnel) wait(waiting_);
}

void Exchange::on_upstream_drained() noexcept {
  if (in_tunnel()) {
    wait(Waiting::tunnel);
    if (!client_ended_) client_->resume_reads();
    return end_tunnel_if_done();
  }
  if (request_body_.done()) return;
  wait(waiting_);
  client_->resume_reads();
}

}  // namespace evenkeel::proxy
