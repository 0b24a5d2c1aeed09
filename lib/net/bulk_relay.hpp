// Moving many bytes from one socket to another without copying them through user space.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "evenkeel/error.hpp"

#include "net/connection.hpp"
#include "net/pipe_pool.hpp"

namespace evenkeel::net {

// Waking up for every few kilobytes of a large body costs more than moving them. So the source is told
// to count as readable only when a lump is there (SO_RCVLOWAT), as long as it is fast: whoever
// waits for it calls hurry() after `patience` without a step, and from then on every byte counts.
//
// The bytes of a body are counted, so the last lump is known. Of a stream that has no known length the end of
// each burst would wait for `patience`: such a one takes lumps only after it has proved to be long.
//
// One direction: `length` bytes from `source` to `sink`, both of which must outlive it and must not
// be read or written by anybody else meanwhile. A splice costs more than a read and a write of a few
// kilobytes: it pays from about bulk_threshold on.
class BulkRelay {
 public:
  static constexpr std::uint64_t bulk_threshold = 262'144;
  // Twice a pipe: measured, larger ones gain little and hold more in the kernel.
  static constexpr std::uint64_t lump = 524'288;
  static constexpr std::chrono::milliseconds patience{20};

  enum class State : std::uint8_t {
    source_empty,  // step() again when the source is readable
    sink_full,     // step() again when the sink is writable
    turn_over,     // more could be done, but others want their turn: step() at the next event
    done,
    source_ended,  // before all bytes came
    source_failed,
    sink_failed,
  };

  // Without a pipe it is idle: see active().
  BulkRelay() noexcept = default;
  // `lumps_after`: so many bytes go without lumps first.
  BulkRelay(std::unique_ptr<Pipe> pipe, std::uint64_t length, std::uint64_t lumps_after = 0) noexcept
      : pipe_(std::move(pipe)), remaining_(length), lumps_after_(lumps_after) {}

  [[nodiscard]] bool active() const noexcept { return pipe_ != nullptr; }
  // The source is slow: what it has is to be moved at once.
  void hurry(Connection& source) noexcept;
  [[nodiscard]] bool is_hurrying() const noexcept { return slow_source_; }
  [[nodiscard]] bool is_empty() const noexcept { return held_ == 0; }
  // Moves what can be moved now, within a bound. `moved` grows by what reached the sink.
  State step(Connection& source, Connection& sink, std::uint64_t& moved) noexcept;
  void end(PipePool& pool) noexcept;

 private:
  void adjust_low_water(Connection& source) noexcept;

  std::unique_ptr<Pipe> pipe_;
  std::uint64_t remaining_ = 0;  // not yet read from the source
  std::uint64_t held_ = 0;       // in the pipe
  std::uint64_t lumps_after_ = 0;
  std::uint64_t low_water_ = 1;  // of the source
  bool slow_source_ = false;
};

}  // namespace evenkeel::net
