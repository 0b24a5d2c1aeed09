// What the connections of one loop share.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include <uv.h>

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "net/datagram.hpp"
#include "net/loop_clock.hpp"
#include "net/pipe_pool.hpp"
#include "net/poller.hpp"
#include "net/timeouts.hpp"

namespace evenkeel::net {

// Something that may end in the middle of one of its own callbacks. Owned by itself until it is buried.
class Mortal : public base::ListNode<Mortal> {
 public:
  virtual ~Mortal() = default;
};

// Work put off to the end of the current event, when no connection's frame is on the stack.
class Task : public base::ListNode<Task> {
 public:
  virtual void run() noexcept = 0;

 protected:
  ~Task() = default;
};

// Thread rule: the loop's thread only. Owns no loop and never runs it.
class Reactor {
 public:
  // Large enough that a bulk transfer costs few system calls, small enough to stay in the L2 cache.
  static constexpr std::size_t read_size = 65'536;
  static constexpr std::size_t record_size = 16'384;  // RFC 8446 section 5.1
  // A usual head and a small body.
  static constexpr std::size_t write_size = 4'096;

  // A burst of new TLS clients must not keep those that are there waiting: a signature takes up to a
  // millisecond. For newcomers, and once more for those that were passed over.
  static constexpr std::uint64_t handshake_ns_a_part = 1'000'000;

  explicit Reactor(uv_loop_t* loop);

  [[nodiscard]] uv_loop_t* loop() noexcept { return loop_; }
  [[nodiscard]] Poller& poller() noexcept { return poller_; }
  [[nodiscard]] Timeouts& timeouts() noexcept { return timeouts_; }
  [[nodiscard]] base::BlockPool& blocks() noexcept { return blocks_; }
  [[nodiscard]] PipePool& pipes() noexcept { return pipes_; }
  // Borrowed from recv() until the bytes are handled in the same callback; never across two.
  [[nodiscard]] std::span<char> read_buffer() noexcept { return *read_buffer_; }
  // Borrowed within one write.
  [[nodiscard]] std::span<char> write_buffer() noexcept { return write_buffer_; }
  // Borrowed within one write: a TLS record.
  [[nodiscard]] std::span<char> record_buffer() noexcept { return *record_buffer_; }
  // What clients have sent, within one event; and replies, until the end of the turn. There once somebody has
  // called prepare_datagrams(), which throws std::bad_alloc: not every loop serves UDP.
  void prepare_datagrams();
  [[nodiscard]] DatagramBatch& datagrams_in() noexcept { return *datagrams_in_; }
  [[nodiscard]] DatagramBatch& datagrams_out() noexcept { return *datagrams_out_; }
  // Loop time: cached, one system call a turn at most.
  [[nodiscard]] std::uint64_t now_ms() noexcept { return uv_now(loop_); }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }

  // Takes over a connection that has ended, and keeps it alive until the current event is over, so that the
  // frames below it on the stack may still look at it.
  void bury(Mortal& ended) noexcept { ended_.push_back(ended); }
  // Runs it once, at the end of the current event; the task may be destroyed before.
  void defer(Task& task) noexcept { tasks_.push_back(task); }
  // Runs it once, when all events that the kernel had reported in this turn have been handled; the task
  // may be destroyed before.
  void at_turn_end(Task& task) noexcept;
  // The number of this turn of the loop. What the kernel had to report when it began is known by its end.
  [[nodiscard]] std::uint64_t turn() const noexcept { return turn_; }
  // Around each step of a handshake: when it began, or 0 when handshakes have had their time of this turn.
  [[nodiscard]] std::uint64_t begin_handshake() noexcept;
  void end_handshake(std::uint64_t begun) noexcept;
  // Ends an event: runs what was put off, then destroys what has ended. Poller and Timeouts call it;
  // whoever is entered from elsewhere (an async, a resolver, the host) must.
  void end_event() noexcept;
  // Forgets every watch and timer. Handles go away on the loop's next turn.
  void close() noexcept;

 private:
  void end_turn() noexcept;

  uv_loop_t* loop_;
  LoopClock clock_{loop_};
  base::BlockPool blocks_;
  PipePool pipes_;
  std::unique_ptr<std::array<char, read_size>> read_buffer_;
  std::array<char, write_size> write_buffer_;
  std::unique_ptr<std::array<char, record_size>> record_buffer_;
  std::unique_ptr<DatagramBatch> datagrams_in_;
  std::unique_ptr<DatagramBatch> datagrams_out_;
  base::IntrusiveList<Mortal> ended_;
  base::IntrusiveList<Task> tasks_;
  base::IntrusiveList<Task> turn_tasks_;
  std::uint64_t turn_ = 1;
  std::uint64_t handshake_part_ = 0;  // of a turn
  std::uint64_t handshake_ns_ = 0;    // spent in it
  UvHandle<uv_prepare_t> turn_begin_;
  UvHandle<uv_check_t> turn_end_;
  UvHandle<uv_idle_t> no_wait_;  // runs while there are turn tasks: the loop must not sleep on them
  Poller poller_;
  Timeouts timeouts_;
};

}  // namespace evenkeel::net
