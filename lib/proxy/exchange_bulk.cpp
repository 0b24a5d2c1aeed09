// The long rest of a response body whose length is known: spliced, never seen.
#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {

// Precondition: the client has been sent everything that was read so far.
bool Exchange::begin_bulk_response() noexcept {
  if (bulk_is_useless_ || !upstream_->is_plain() || !client_->is_plain()) return false;
  const bool counted = response_body_.framing() == http::Framing::length;
  if (!counted || response_body_.remaining() < net::BulkRelay::bulk_threshold) return false;
  std::unique_ptr<net::Pipe> pipe = core_.reactor.pipes().take();
  if (!pipe) return false;  // no descriptor left: read and write do as well
  bulk_ = net::BulkRelay(std::move(pipe), response_body_.remaining());
  return true;
}

void Exchange::move_bulk_response() noexcept {
  using State = net::BulkRelay::State;
  std::uint64_t moved = 0;
  const State state = bulk_.step(*upstream_, *client_, moved);
  bytes_out_ += moved;
  if (moved != 0) {
    response_body_.skip(moved);
    wait(Waiting::response_body);
  }
  bulk_patience_.cancel();
  switch (state) {
    case State::source_empty:
      if (upstream_->has_odd_input()) return end_bulk();
      return wait_for_bulk();
    case State::turn_over:
      return wait_for_bulk();
    case State::sink_full:
      upstream_->pause_reads();
      return client_->tell_when_writable();
    case State::done:
      upstream_->resume_reads();
      return complete_response();
    case State::source_ended:
      return on_response_end({ErrorCode::connection_closed, Fault::target, false, 0});
    case State::source_failed:
      return on_response_end({ErrorCode::connection_reset, Fault::target, false, 0});
    case State::sink_failed:
      return client_->cut();
  }
}

void Exchange::wait_for_bulk() noexcept {
  if (!bulk_.is_hurrying()) core_.reactor.timeouts().set(bulk_patience_, net::BulkRelay::patience);
  upstream_->resume_reads();
}

// splice(2) does not get past an urgent byte; reading does.
void Exchange::end_bulk() noexcept {
  bulk_is_useless_ = true;
  bulk_.hurry(*upstream_);
  bulk_.end(core_.reactor.pipes());
  upstream_->resume_reads();
  upstream_->ask_again();
}

void Exchange::on_slow_source() noexcept {
  bulk_.hurry(*upstream_);
  move_bulk_response();
}

}  // namespace evenkeel::proxy
