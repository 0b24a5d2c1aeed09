// Many datagrams with one system call: recvmmsg, sendmmsg, and trains (UDP_SEGMENT, UDP_GRO).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <vector>

#include "load/udp_wire.hpp"
#include "net/fd.hpp"

namespace evenkeel::bench {

// A non-blocking socket with as large a receive buffer as the kernel gives, bound to `port` of `address` (0:
// any port). Empty on failure; errno tells.
net::Fd udp_socket(std::uint32_t address, std::uint16_t port) noexcept;
// One that is connected to `port` of 127.0.0.1.
net::Fd udp_connect(std::uint16_t port) noexcept;
// Trains may come as one message. Without effect where the kernel has no UDP_GRO.
void want_trains(int fd) noexcept;

using ControlBlock = std::array<char, CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int))>;

// What one recvmmsg has brought. Spans are valid until the next receive().
class Inbox {
 public:
  struct Message {
    std::span<char> bytes;
    std::size_t segment;  // bytes of each datagram but the last, which may be shorter
    const sockaddr_in* from;
    in_addr_t to;  // where it was sent, if the socket has IP_PKTINFO; or 0
  };

  // `bytes_each`: 64 KiB where trains are wanted.
  Inbox(std::size_t messages, std::size_t bytes_each);
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // How many have come: less than capacity() when there are no more.
  std::size_t receive(int fd) noexcept;
  [[nodiscard]] std::size_t capacity() const noexcept { return headers_.size(); }
  [[nodiscard]] Message message(std::size_t index) noexcept;

  // do_with(datagram, message) for each datagram of a message.
  template <class DoWith>
  void each(std::size_t index, DoWith&& do_with) {
    const Message whole = message(index);
    for (auto rest = whole.bytes; !rest.empty();) {
      const auto datagram = rest.first(std::min(rest.size(), whole.segment));
      rest = rest.subspan(datagram.size());
      do_with(datagram, whole);
    }
  }

 private:
  std::size_t bytes_each_;
  std::vector<char> bytes_;
  std::vector<iovec> slices_;
  std::vector<sockaddr_in> from_;
  std::vector<ControlBlock> control_;
  std::vector<mmsghdr> headers_;
};

// What one sendmmsg is to send. The bytes stay the caller's until send().
class Outbox {
 public:
  explicit Outbox(std::size_t messages);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // `from` (IP_PKTINFO): 0 leaves it to the socket.
  void add(std::span<const char> bytes, const sockaddr_in& to, in_addr_t from = 0) noexcept;
  [[nodiscard]] bool full() const noexcept { return count_ == headers_.size(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // One that cannot be sent is lost, as datagrams are.
  void send(int fd) noexcept;

 private:
  std::vector<iovec> slices_;
  std::vector<sockaddr_in> to_;
  std::vector<ControlBlock> control_;
  std::vector<mmsghdr> headers_;
  std::size_t count_ = 0;
};

// Datagrams of one size, numbered one after the other, sent as one where the kernel can (UDP_SEGMENT).
class Train {
 public:
  // The kernel takes 64 KiB and 64 datagrams (128 since 6.9).
  static constexpr std::size_t most_cars = 40;

  // `first.count` datagrams of `first.size` bytes from `first.sequence` on, of `kind`. `to`: nullptr for a
  // connected socket. Nothing is sent when that is out of bounds.
  void send(int fd, const sockaddr_in* to, const udp_wire::Head& first, udp_wire::Kind kind) noexcept;

 private:
  bool send_as_one(int fd, const sockaddr_in* to, std::size_t bytes, std::uint16_t segment) noexcept;

  std::vector<char> bytes_ = std::vector<char>(most_cars * udp_wire::most_bytes);
  bool kernel_segments_ = true;
};

}  // namespace evenkeel::bench
