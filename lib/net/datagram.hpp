// UDP sockets, and datagrams by the batch: a system call for dozens of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>

#include "evenkeel/error.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"

namespace evenkeel::net {

// An IP address and port, small enough to keep for every client. Zeros where the family has no bytes,
// so that two are equal when their bytes are.
struct Endpoint {
  sockaddr_in6 raw{};  // or a sockaddr_in at its front

  static Endpoint of(const SocketAddress& address) noexcept;
  [[nodiscard]] socklen_t length() const noexcept {
    return raw.sin6_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  [[nodiscard]] PeerIp ip() const noexcept;
  friend bool operator==(const Endpoint& a, const Endpoint& b) noexcept;
};

// The address of ours that a datagram was sent to, and that replies must come from (RFC 1123 section 2.3:
// a client takes no answer from elsewhere). All zeros where the socket's own will do.
struct LocalIp {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t family = AF_UNSPEC;
  friend bool operator==(const LocalIp&, const LocalIp&) = default;
};

// One datagram, or a train of them that came, or goes, as one: each `segment` bytes, the last perhaps
// less (UDP_GRO, UDP_SEGMENT).
struct Datagrams {
  std::span<char> bytes;
  std::uint16_t segment = 0;  // 0: a single one
  bool truncated = false;     // never with our buffers; must not be passed on
  bool framed = false;        // `fd` takes frames
  int fd = -1;                // to be sent on
  Endpoint peer;              // who sent it, or is to get it
  LocalIp local;

  [[nodiscard]] std::size_t count() const noexcept {
    return segment == 0 ? 1 : (bytes.size() + segment - 1) / segment;
  }
};

struct DatagramOptions {
  bool reuse_port = false;
  std::uint64_t receive_buffer = 0;  // bytes; 0: the system's
};

// A socket that clients send to: bound, non-blocking, and with the local address of each datagram told
// when it is bound to all of them. The errors of bind_datagram().
Result<Fd> listen_datagram(const SocketAddress& address, const DatagramOptions& options) noexcept;
// Makes a bound socket such a one. system when it is none.
Result<void> prepare_datagram(int fd, std::uint64_t receive_buffer) noexcept;
// A socket that only `address` can send to. address_in_use when the local ports are used up.
Result<Fd> connect_datagram(const SocketAddress& address) noexcept;

// Room for some dozens of datagrams of any size. They are received into it, one behind the other, and stay
// until clear(). Pages that no datagram was long enough to reach cost nothing.
class DatagramBatch {
 public:
  static constexpr std::size_t most = 64;
  // Throws std::bad_alloc.
  DatagramBatch();
  ~DatagramBatch();
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  // Adds what the socket has, as long as there is room, and returns what was added. `emptied` says that the
  // kernel had no more. Its error is that of a connected socket: ECONNREFUSED when an ICMP message said so.
  Result<std::span<Datagrams>> receive(int fd, bool& emptied) noexcept;
  [[nodiscard]] std::span<Datagrams> all() noexcept { return {entries_.get(), size_}; }
  [[nodiscard]] bool is_full() const noexcept { return size_ == most; }
  void clear() noexcept;

 private:
  struct Headers;  // what recvmmsg(2) is told, made once: most calls find one datagram or a few

  char* slots_ = nullptr;
  std::unique_ptr<Headers> headers_;
  std::unique_ptr<Datagrams[]> entries_;
  std::size_t size_ = 0;
};

struct SendOutcome {
  std::size_t sent = 0;  // entries: all, or those before the one that failed
  std::size_t lost = 0;  // datagrams that the kernel would not take, among those
  int os_error = 0;      // ECONNREFUSED of a connected socket: this entry was not sent
};

// Sends entries on one socket, `to_peers` or on one that is connected. Equal ones to the same peer go as a
// train, which costs the kernel little more than one.
SendOutcome send_datagrams(int fd, std::span<const Datagrams> entries, bool to_peers) noexcept;

}  // namespace evenkeel::net
