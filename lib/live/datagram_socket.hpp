// The UDP socket of a scripted target or of all clients: small messages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/error.hpp"

#include "net/datagram.hpp"
#include "net/fd.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::live {

// Thread rule: the loop's.
class DatagramSocket {
 public:
  using Heard = std::function<void(const net::Datagrams&)>;

  // At an IPv4 address; port 0: a free one. Which it is.
  Result<std::uint16_t> open(uv_loop_t* loop, const std::string& host, std::uint16_t port, Heard heard);
  // From an address of this machine, or the socket's own. What the kernel does not take is lost.
  void send(std::string_view text, const net::Endpoint& to, const net::LocalIp& from) noexcept;
  void close();

 private:
  void receive();

  Heard heard_;
  std::unique_ptr<net::DatagramBatch> batch_;
  net::Fd fd_;
  net::UvHandle<uv_poll_t> poll_;  // after fd_: stopped before the descriptor closes
};

}  // namespace evenkeel::live
