#include "net/bulk_relay.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::net {
namespace {

// Rounds of one step: enough to empty a full socket, few enough to leave others their turn.
constexpr int rounds_a_step = 4;

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

void BulkRelay::hurry(Connection& source) noexcept {
  slow_source_ = true;
  adjust_low_water(source);
}

// Never above what is still to come, and 1 again at the end: the connection is used for others.
void BulkRelay::adjust_low_water(Connection& source) noexcept {
  const std::uint64_t most = slow_source_ || lumps_after_ != 0 ? 1 : lump;
  const std::uint64_t wanted = std::clamp<std::uint64_t>(remaining_, 1, most);
  if (wanted == low_water_) return;
  low_water_ = wanted;
  set_low_water(source.descriptor(), static_cast<std::size_t>(wanted));
}

BulkRelay::State BulkRelay::step(Connection& source, Connection& sink, std::uint64_t& moved) noexcept {
  for (int round = 0; round < rounds_a_step; ++round) {
    std::size_t came = 0;
    if (held_ == 0 && remaining_ != 0) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, PipePool::capacity));
      const ssize_t in =
          ::splice(source.descriptor(), nullptr, pipe_->write_end.get(), nullptr, want, splice_flags);
      if (in == 0) return State::source_ended;
      if (in < 0 && !would_block(errno)) return State::source_failed;
      if (in < 0) {
        source.note_empty();
        return State::source_empty;
      }
      came = static_cast<std::size_t>(in);
      held_ += came;
      remaining_ -= came;
      lumps_after_ -= std::min<std::uint64_t>(lumps_after_, came);
      adjust_low_water(source);
    }
    while (held_ != 0) {
      const ssize_t out = ::splice(pipe_->read_end.get(), nullptr, sink.descriptor(), nullptr,
                                   static_cast<std::size_t>(held_), splice_flags);
      if (out < 0) return would_block(errno) ? State::sink_full : State::sink_failed;
      held_ -= static_cast<std::uint64_t>(out);
      moved += static_cast<std::uint64_t>(out);
    }
    if (remaining_ == 0) return State::done;
    // Less than asked for came: the source is nearly empty. Letting it fill costs less than hurrying.
    if (came != 0 && came < PipePool::capacity / 2) break;
  }
  source.ask_again();
  return State::turn_over;
}

void BulkRelay::end(PipePool& pool) noexcept {
  if (pipe_) pool.give_back(std::move(pipe_), held_ == 0);
  remaining_ = held_ = 0;
}

}  // namespace evenkeel::net
