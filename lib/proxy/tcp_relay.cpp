// The bytes of a TCP session, each way, and how each way ends.
#include <utility>

#include "proxy/record_text.hpp"
#include "proxy/tcp_session.hpp"

namespace evenkeel::proxy {

void TcpSession::begin_relay() noexcept {
  phase_ = Phase::relaying;
  asked_ns_ = uv_hrtime();
  note_progress();
  if (upstream_->unsent() == 0) resume_reads();
}

void TcpSession::on_readable() noexcept {
  if (phase_ == Phase::header) return read_proxy_header();
  const std::uint64_t before = to_target_.bytes();
  const TcpFlow::State state = to_target_.move(*this, *upstream_, reactor_);
  if (first_byte_ns_ == 0 && to_target_.bytes() != before) asked_ns_ = uv_hrtime();
  from_client(state);
}

void TcpSession::on_upstream_readable() noexcept {
  from_target(to_client_.move(*upstream_, *this, reactor_));
}

// The client takes bytes again.
void TcpSession::on_drained() noexcept {
  if (phase_ != Phase::relaying) return;
  note_progress();
  if (to_client_.has_ended()) return end_if_done();
  upstream_->resume_reads();
  if (to_client_.holds_bytes()) on_upstream_readable();
}

void TcpSession::on_upstream_drained() noexcept {
  note_progress();
  if (to_target_.has_ended()) return end_if_done();
  resume_reads();
  if (to_target_.holds_bytes()) on_readable();
}

void TcpSession::from_client(TcpFlow::State state) noexcept {
  switch (state) {
    case TcpFlow::State::going:
      return note_progress();
    case TcpFlow::State::ended:
      note_progress();
      upstream_->shut_write();
      return end_if_done();
    case TcpFlow::State::source_failed:
      return on_failed();
    case TcpFlow::State::sink_failed:
      return on_upstream_broken();
  }
}

void TcpSession::from_target(TcpFlow::State state) noexcept {
  note_first_byte();
  // Linux tells of a reset once. When a write was told, what then looks like the end of the stream is none.
  if (is_target_broken_ && state == TcpFlow::State::ended) state = TcpFlow::State::source_failed;
  switch (state) {
    case TcpFlow::State::going:
      return note_progress();
    case TcpFlow::State::ended:
      note_progress();
      shut_write();
      return end_if_done();
    case TcpFlow::State::source_failed:
      return cut({ErrorCode::connection_reset, Fault::target, false, 0});
    case TcpFlow::State::sink_failed:
      return on_failed();
  }
}

// The client has reset the connection, before its target was there or later.
void TcpSession::on_failed() noexcept {
  cut({ErrorCode::client_closed, Fault::client, false, 0});
}

// The target takes nothing any more. What it sent before may still be read, and the reset comes behind that.
void TcpSession::on_upstream_broken() noexcept {
  if (to_client_.has_ended()) return cut({ErrorCode::connection_reset, Fault::target, false, 0});
  is_target_broken_ = true;
  pause_reads();
  if (unsent() == 0 && !to_client_.holds_bytes()) upstream_->resume_reads();
}

// Both ways count as one: a long download with a silent client is no idle connection.
void TcpSession::note_progress() noexcept {
  const std::chrono::milliseconds idle = core_.options.timeouts.idle;
  if (phase_ == Phase::relaying && idle.count() != 0) reactor_.timeouts().set(timeout_, idle);
}

void TcpSession::note_first_byte() noexcept {
  if (first_byte_ns_ != 0 || to_client_.bytes() == 0) return;
  first_byte_ns_ = uv_hrtime();
  lease_.answered(elapsed(asked_ns_, first_byte_ns_));
  lease_.report(Outcome::success);
  reported_ = true;
}

void TcpSession::end_if_done() noexcept {
  if (to_target_.has_ended() && to_client_.has_ended() && unsent() == 0 && upstream_->unsent() == 0) {
    end(nullptr);
  }
}

}  // namespace evenkeel::proxy
