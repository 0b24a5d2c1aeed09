// A non-blocking socket on libuv's uv_poll, with as few system calls as libuv allows.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "net/fd.hpp"

namespace evenkeel::bench {

class Socket;

// One uv_poll_t a descriptor number, made once: uv_poll_init costs three system calls.
class Watches {
 public:
  explicit Watches(uv_loop_t* loop) noexcept : loop_(loop) {}
  // `events` of uv_poll_start; 0 stops.
  void watch(int fd, int events, Socket* socket);

 private:
  struct Slot : uv_poll_t {
    Socket* socket = nullptr;
  };
  static void on_poll(uv_poll_t* handle, int status, int events);

  uv_loop_t* loop_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

class Socket {
 public:
  Socket(Watches& watches, net::Fd fd, int events);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  virtual ~Socket();

  virtual void on_readable() = 0;
  // Everything that send() had to keep has gone out, or wait_for_room() is over.
  virtual void on_drained() {}
  virtual void on_failed() = 0;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool drained() const noexcept { return unsent_.empty(); }
  // What does not fit is kept, and `source` is not read from until it has gone out.
  void send(std::string_view bytes, Socket& source);
  // Kept until the socket is writable: for a connection that is not established yet.
  void send_later(std::string_view bytes);
  // Nothing fits: on_drained() when something does; until then `source` is not read from.
  void wait_for_room(Socket& source);
  // No longer waits for this socket to drain.
  void release(Socket& source);

 private:
  friend class Watches;
  void on_writable();
  void watch(int events);

  Watches& watches_;
  net::Fd fd_;
  int events_ = 0;
  std::string unsent_;
  Socket* paused_ = nullptr;  // the source that waits for this socket
};

}  // namespace evenkeel::bench
