// A listening socket that hands over what it accepts.
#pragma once

#include "net/poller.hpp"
#include "net/reactor.hpp"
#include "net/socket.hpp"
#include "net/timeouts.hpp"

namespace evenkeel::net {

class Acceptor {
 public:
  virtual void on_accepted(Accepted accepted) noexcept = 0;

 protected:
  ~Acceptor() = default;
};

class Listener final : private IoHandler {
 public:
  Listener(Reactor& reactor, Acceptor& acceptor) noexcept;
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Result<void> open(Fd fd) noexcept;
  void close() noexcept;
  // Accepts what has arrived, as far as there are descriptors, and closes: the kernel resets what waits in
  // the queue of a socket that closes, and its clients were told that they are connected.
  void finish() noexcept;
  // Somebody else has this socket, too, and serves what waits there: finish() leaves that to them.
  void set_shared() noexcept { is_shared_ = true; }
  [[nodiscard]] bool is_shared() const noexcept { return is_shared_; }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  void on_io(unsigned events) noexcept override;
  void resume() noexcept;

  Reactor& reactor_;
  Acceptor& acceptor_;
  Fd fd_;
  Timeout pause_;
  bool is_shared_ = false;
};

}  // namespace evenkeel::net
