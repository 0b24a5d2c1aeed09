#include "proxy/tcp_flow.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace evenkeel::proxy {
namespace {

using State = TcpFlow::State;

constexpr std::size_t large_read = 16'384;
// One splice(2) into a pipe and one out of it cost as much as reading and writing about this much.
constexpr std::uint64_t small_step = 8'192;
constexpr std::uint32_t small_steps_that_end_bulk = 16;
constexpr std::uint64_t most_bulk_from = std::uint64_t{64} << 20U;
// A burst shorter than this many times what made it bulk is not waited for in lumps.
constexpr std::uint64_t lumps_after_factor = 4;

constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

}  // namespace

State TcpFlow::move(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept {
  return relay_.active() ? splice(source, sink, reactor) : copy(source, sink, reactor);
}

State TcpFlow::copy(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept {
  const std::span<char> buffer = reactor.read_buffer();
  const Result<std::size_t> count = source.read(buffer);
  if (!count) return count.error().os_error == EAGAIN ? State::going : State::source_failed;
  if (*count == 0) return end(source);
  bytes_ += *count;
  if (!sink.write(std::string_view(buffer.data(), *count))) return State::sink_failed;
  streak_ = *count >= large_read ? streak_ + *count : 0;
  if (sink.unsent() != 0) {
    source.pause_reads();
  } else if (streak_ >= bulk_from_) {
    begin_bulk(reactor);
  }
  return State::going;
}

State TcpFlow::end(net::Connection& source) noexcept {
  ended_ = true;
  source.pause_reads();
  return State::ended;
}

void TcpFlow::begin_bulk(net::Reactor& reactor) noexcept {
  streak_ = 0;
  std::unique_ptr<net::Pipe> pipe = reactor.pipes().take();
  if (!pipe) return;  // no descriptor left: copying does as well
  relay_ = net::BulkRelay(std::move(pipe), unbounded, bulk_from_ * lumps_after_factor);
  small_steps_ = 0;
}

State TcpFlow::splice(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept {
  using Step = net::BulkRelay::State;
  std::uint64_t moved = 0;
  const Step step = relay_.step(source, sink, moved);
  bytes_ += moved;
  patience_.cancel();
  switch (step) {
    case Step::source_empty:
    case Step::turn_over:
      small_steps_ = moved < small_step ? small_steps_ + 1 : 0;
      // splice(2) does not get past an urgent byte, nor tell the end that comes with one; reading does.
      if (small_steps_ >= small_steps_that_end_bulk || source.has_odd_input()) {
        end_bulk(source, reactor);
        return State::going;
      }
      reactor.timeouts().set(patience_, net::BulkRelay::patience);
      source.resume_reads();
      return State::going;
    case Step::sink_full:
      source.pause_reads();
      sink.tell_when_writable();
      return State::going;
    case Step::done:
    case Step::source_ended:
      stop(reactor);
      return end(source);
    case Step::source_failed:
      return State::source_failed;
    case Step::sink_failed:
      break;
  }
  return State::sink_failed;
}

State TcpFlow::pause_over(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept {
  if (!relay_.active()) return State::going;
  end_bulk(source, reactor);
  return copy(source, sink, reactor);
}

// Precondition: the pipe is empty.
void TcpFlow::end_bulk(net::Connection& source, net::Reactor& reactor) noexcept {
  bulk_from_ = std::min(bulk_from_ * 2, most_bulk_from);
  relay_.hurry(source);
  stop(reactor);
  source.resume_reads();
  source.ask_again();
}

void TcpFlow::stop(net::Reactor& reactor) noexcept {
  patience_.cancel();
  relay_.end(reactor.pipes());
}

}  // namespace evenkeel::proxy
