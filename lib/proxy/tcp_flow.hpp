// One direction of a TCP connection through the proxy.
#pragma once

#include <cstdint>

#include "net/bulk_relay.hpp"
#include "net/connection.hpp"
#include "net/reactor.hpp"
#include "net/timeouts.hpp"

namespace evenkeel::proxy {

// Small talk is cheapest copied through the loop's read buffer, bulk is cheapest spliced. A flow begins
// with the former and changes when reads come large one after the other; it changes back when its source
// pauses or comes in small pieces. Each change back doubles what it takes to change again: a stream of
// bursts settles for what suits its bursts.
class TcpFlow {
 public:
  enum class State : std::uint8_t {
    going,
    ended,          // the source's FIN has come
    source_failed,  // reset
    sink_failed,
  };

  // `on_pause` goes off in the middle of bulk: the owner calls pause_over().
  TcpFlow(net::Timeout::Fire on_pause, void* owner) noexcept : patience_(on_pause, owner) {}

  // Moves what can be moved now, within a bound. `moved` grows by what was read.
  // Preconditions: both are connected; `source` has something to read, or `sink` room again.
  State move(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept;
  State pause_over(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept;

  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool holds_bytes() const noexcept { return relay_.active() && !relay_.is_empty(); }
  void stop(net::Reactor& reactor) noexcept;

 private:
  State copy(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept;
  State splice(net::Connection& source, net::Connection& sink, net::Reactor& reactor) noexcept;
  void begin_bulk(net::Reactor& reactor) noexcept;
  void end_bulk(net::Connection& source, net::Reactor& reactor) noexcept;
  State end(net::Connection& source) noexcept;

  net::BulkRelay relay_;
  net::Timeout patience_;
  std::uint64_t bytes_ = 0;
  std::uint64_t streak_ = 0;                                  // bytes of large reads without a small one
  std::uint64_t bulk_from_ = net::BulkRelay::bulk_threshold;  // a streak that is bulk
  std::uint32_t small_steps_ = 0;                             // of a splice, one after the other
  bool ended_ = false;
};

}  // namespace evenkeel::proxy
