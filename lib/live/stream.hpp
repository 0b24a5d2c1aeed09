// One TCP connection of a scripted target or client: small messages, by libuv's own streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <uv.h>

#include "net/uv_handle.hpp"

namespace evenkeel::live {

// Destroying it closes it. Thread rule: the loop's.
class Stream {
 public:
  struct Events {
    std::function<void()> received;  // more is in received()
    std::function<void()> closed;    // by the other side, or it failed; not by us. It may be destroyed within
  };

  // One that is not connected.
  explicit Stream(uv_loop_t* loop);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] uv_tcp_t* handle() noexcept { return tcp_.get(); }
  // Reads from now on.
  bool start(Events events);
  // To 127.0.0.1, from an address of 127.0.0.0/8 when `from` is not empty. `connected` comes from the loop,
  // or `closed` does.
  bool connect(std::uint16_t port, const std::string& from, std::function<void()> connected, Events events);
  void write(std::string_view bytes);
  // With RST.
  void reset();

  [[nodiscard]] std::string_view received() const noexcept { return received_; }
  void consume(std::size_t count) { received_.erase(0, count); }

 private:
  void on_read(std::ptrdiff_t count);

  net::UvHandle<uv_tcp_t> tcp_;
  std::string received_;
  char room_[4'096] = {};
  std::function<void()> connected_;
  Events events_;
};

}  // namespace evenkeel::live
