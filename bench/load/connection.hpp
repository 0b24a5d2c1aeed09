// One connection of a load generator or test server, watched for readability on a libuv loop.
#pragma once

#include <span>
#include <string_view>

#include <uv.h>

#include "net/fd.hpp"
#include "net/openssl.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::bench {

class Connection {
 public:
  // With `ssl`, whose handshake is over, the bytes are TLS.
  Connection(uv_loop_t* loop, net::Fd fd, net::SslPtr ssl = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // May destroy the connection, as its last act.
  virtual void on_readable() = 0;

 protected:
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // Bytes read; 0: none for now; -1: ended. Of TLS there must be room for a whole record: what is left of one
  // no poll would tell of.
  [[nodiscard]] ssize_t read(std::span<char> into) noexcept;
  // False: ended, or not all of it fits. Messages of the benchmarks are small and answered before the next.
  [[nodiscard]] bool write(std::string_view bytes) noexcept;
  // Not read from any more.
  void stop() noexcept { poll_.reset(); }

 private:
  net::Fd fd_;
  net::SslPtr ssl_;
  net::UvHandle<uv_poll_t> poll_;  // goes first: out of epoll before the descriptor is closed
};

}  // namespace evenkeel::bench
