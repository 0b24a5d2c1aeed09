// Readiness of the project's own sockets, by uv_poll.
#pragma once

#include <cstdint>
#include <vector>

#include <uv.h>

#include "evenkeel/error.hpp"

#include "net/fd.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::net {

// What a socket is ready for, and what its owner wants to hear of.
namespace io {
inline constexpr unsigned none = 0;
inline constexpr unsigned readable = 1;
inline constexpr unsigned writable = 2;
inline constexpr unsigned failed = 4;  // always heard of, once: a reset
}  // namespace io

class IoHandler {
 public:
  virtual void on_io(unsigned events) noexcept = 0;

 protected:
  ~IoHandler() = default;
};

// Owners see level-triggered readiness: while they are interested in what they have not used up, they
// are called again on the next turn. Underneath, the kernel reports each change of state once
// (edge-triggered), and what it reported is remembered here until the owner says that it is used up. So
// a change of interest costs no system call, and the kernel need not look again at each socket that
// had an event.
//
// One uv_poll_t a descriptor number, made once and used again for each socket that gets the number:
// uv_poll_init costs three system calls and closing a handle a turn of the loop, stopping one neither.
// A watch whose socket was closed sends no event, not even one that this turn of epoll had found already, so
// a connection may be destroyed as soon as its socket is closed. Thread rule: the loop's thread.
class Poller {
 public:
  Poller(uv_loop_t* loop, void (*after_event)(void*), void* after_argument);

  // Sets what `handler` hears of `fd`. Fails only for a socket that was not watched before:
  // out_of_descriptors or system when libuv cannot watch it.
  Result<void> watch(int fd, unsigned interest, IoHandler& handler) noexcept;
  // Nothing more can be read (or written) now. `certain` when the kernel said so (EAGAIN); without it,
  // after fewer bytes than asked for, an end of the stream that was reported with them still counts.
  void used_up(int fd, unsigned what, bool certain) noexcept;
  // Whether something to read, or an end, was reported and is not used up, whoever is interested.
  [[nodiscard]] bool is_ready(int fd) const noexcept;
  // Whether a short read may leave something: see Watch.
  [[nodiscard]] bool reads_to_the_end(int fd) const noexcept;
  // Lets the kernel say again whether there is something to read, instead of calling the owner until it
  // has found out itself.
  void ask_again(int fd) noexcept;
  // Something to read is held above the socket: the owner is called as if the kernel had reported it.
  void note_readable(int fd) noexcept;
  // The owners being called are those whose turn it was not before, not those that the kernel has just
  // reported.
  [[nodiscard]] bool delivers_queued() const noexcept { return delivers_queued_; }
  // Closes the socket, which nothing more is heard of.
  void close(Fd fd) noexcept;
  void close() noexcept;

 private:
  struct Watch : uv_poll_t {
    Poller* poller = nullptr;
    IoHandler* handler = nullptr;
    std::uint8_t interest = io::none;
    std::uint8_t ready = io::none;
    bool active = false;
    bool queued = false;
    // The stream has ended, or urgent data cuts reads short: a short read does not mean "empty".
    bool read_to_the_end = false;
  };

  static void on_poll(uv_poll_t* handle, int status, int events);
  Watch* watch_of(int fd) noexcept;
  Result<void> start(Watch& watch) noexcept;
  void report_writable(Watch& watch) noexcept;
  void rearm(Watch& watch) noexcept;
  static void stop(Watch& watch) noexcept;
  void deliver(Watch& watch) noexcept;
  void deliver_queued() noexcept;
  void queue_if_ready(Watch& watch) noexcept;

  uv_loop_t* loop_;
  void (*after_event_)(void*);
  void* after_argument_;
  UvHandle<uv_idle_t> again_;             // runs while somebody is queued
  std::vector<UvHandle<Watch>> watches_;  // by descriptor number
  std::vector<Watch*> queued_;
  std::vector<Watch*> pass_;  // of the queued ones, those whose turn it is
  bool delivers_queued_ = false;
};

}  // namespace evenkeel::net
