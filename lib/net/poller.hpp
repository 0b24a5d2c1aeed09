// Readiness of the project's own sockets, by uv_poll.
#pragma once

#include <memory>
#include <vector>

#include <uv.h>

#include "evenkeel/error.hpp"

#include "net/uv_handle.hpp"

namespace evenkeel::net {

// What a socket is ready for, and what its owner wants to hear of.
namespace io {
inline constexpr unsigned none = 0;
inline constexpr unsigned readable = 1;
inline constexpr unsigned writable = 2;
inline constexpr unsigned failed = 4;  // always heard of: a reset
}  // namespace io

class IoHandler {
 public:
  // After `failed` the watch has stopped: read until the error shows, close, or watch() again.
  virtual void on_io(unsigned events) noexcept = 0;

 protected:
  ~IoHandler() = default;
};

// One watch a descriptor number, made once and used again for each socket that gets the number:
// uv_poll_init costs three system calls and closing a handle a turn of the loop, stopping one costs
// neither. A stopped watch sends no event, not even one that this turn of epoll had found already,
// so a connection may be destroyed as soon as it was forgotten.
class Poller {
 public:
  explicit Poller(uv_loop_t* loop, void (*after_event)(void*), void* after_argument) noexcept
      : loop_(loop), after_event_(after_event), after_argument_(after_argument) {}

  // Sets what `handler` hears of `fd`; io::none leaves only failures. Each call that changes
  // something costs two system calls at the next turn. out_of_descriptors or system when libuv
  // cannot watch it.
  Result<void> watch(int fd, unsigned interest, IoHandler& handler) noexcept;
  // Before the descriptor is closed.
  void forget(int fd) noexcept;
  void close() noexcept;

 private:
  struct Watch : uv_poll_t {
    Poller* poller = nullptr;
    IoHandler* handler = nullptr;
    unsigned interest = 0;
    bool active = false;
  };

  static void on_poll(uv_poll_t* handle, int status, int events);
  Watch* watch_of(int fd) noexcept;

  uv_loop_t* loop_;
  void (*after_event_)(void*);
  void* after_argument_;
  std::vector<UvHandle<Watch>> watches_;  // by descriptor number
};

}  // namespace evenkeel::net
