#include "load/datagrams.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/udp.h>
#include <utility>

#include "loopback.hpp"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace evenkeel::bench {
namespace {

constexpr int buffer_bytes = 4 << 20;

template <class Value>
void put_control(msghdr& header, ControlBlock& block, int level, int type, const Value& value) noexcept {
  header.msg_control = block.data();
  header.msg_controllen = CMSG_SPACE(sizeof value);
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
}

template <class Value>
std::optional<Value> control_of(msghdr& header, int level, int type) noexcept {
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != level || at->cmsg_type != type) continue;
    Value value;
    std::memcpy(&value, CMSG_DATA(at), sizeof value);
    return value;
  }
  return std::nullopt;
}

}  // namespace

net::Fd udp_socket(std::uint32_t address, std::uint16_t port) noexcept {
  net::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  sockaddr_in own = loopback(port);
  own.sin_addr.s_addr = htonl(address);
  const bool bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
  return bound ? std::move(fd) : net::Fd();
}

net::Fd udp_connect(std::uint16_t port) noexcept {
  net::Fd fd = udp_socket(INADDR_LOOPBACK, 0);
  const sockaddr_in address = loopback(port);
  const bool connected =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return connected ? std::move(fd) : net::Fd();
}

void want_trains(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
}

Inbox::Inbox(std::size_t messages, std::size_t bytes_each)
    : bytes_each_(bytes_each),
      bytes_(messages * bytes_each),
      slices_(messages),
      from_(messages),
      control_(messages),
      headers_(messages) {
  for (std::size_t i = 0; i < messages; ++i) {
    slices_[i] = {.iov_base = bytes_.data() + i * bytes_each, .iov_len = bytes_each};
    headers_[i].msg_hdr = {.msg_name = &from_[i],
                           .msg_namelen = 0,
                           .msg_iov = &slices_[i],
                           .msg_iovlen = 1,
                           .msg_control = control_[i].data(),
                           .msg_controllen = 0,
                           .msg_flags = 0};
  }
}

std::size_t Inbox::receive(int fd) noexcept {
  for (mmsghdr& header : headers_) {
    // The kernel has left there how much it used.
    header.msg_hdr.msg_namelen = sizeof(sockaddr_in);
    header.msg_hdr.msg_controllen = sizeof(ControlBlock);
  }
  const int count = ::recvmmsg(fd, headers_.data(), static_cast<unsigned>(headers_.size()), 0, nullptr);
  return static_cast<std::size_t>(std::max(count, 0));
}

Inbox::Message Inbox::message(std::size_t index) noexcept {
  msghdr& header = headers_[index].msg_hdr;
  const std::size_t length = headers_[index].msg_len;
  const auto segment = control_of<int>(header, IPPROTO_UDP, UDP_GRO);
  const auto info = control_of<in_pktinfo>(header, IPPROTO_IP, IP_PKTINFO);
  return {.bytes = std::span(bytes_).subspan(index * bytes_each_, length),
          .segment = segment && *segment > 0 ? static_cast<std::size_t>(*segment) : length,
          .from = &from_[index],
          .to = info ? info->ipi_addr.s_addr : 0};
}

Outbox::Outbox(std::size_t messages)
    : slices_(messages), to_(messages), control_(messages), headers_(messages) {}

void Outbox::add(std::span<const char> bytes, const sockaddr_in& to, in_addr_t from) noexcept {
  const std::size_t i = count_++;
  slices_[i] = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  to_[i] = to;
  headers_[i].msg_hdr = {.msg_name = &to_[i],
                         .msg_namelen = sizeof to_[i],
                         .msg_iov = &slices_[i],
                         .msg_iovlen = 1,
                         .msg_control = nullptr,
                         .msg_controllen = 0,
                         .msg_flags = 0};
  if (from == 0) return;
  const in_pktinfo info{.ipi_ifindex = 0, .ipi_spec_dst = {from}, .ipi_addr = {}};
  put_control(headers_[i].msg_hdr, control_[i], IPPROTO_IP, IP_PKTINFO, info);
}

void Outbox::send(int fd) noexcept {
  for (std::size_t sent = 0; sent < count_;) {
    const int count = ::sendmmsg(fd, headers_.data() + sent, static_cast<unsigned>(count_ - sent), 0);
    sent += count > 0 ? static_cast<std::size_t>(count) : 1;
  }
  count_ = 0;
}

void Train::send(int fd, const sockaddr_in* to, const udp_wire::Head& first, udp_wire::Kind kind) noexcept {
  const std::size_t size = first.size;
  if (first.count > most_cars || size > udp_wire::most_bytes || size < sizeof first) return;
  const std::span<char> bytes = std::span(bytes_).first(first.count * size);
  for (std::uint32_t i = 0; i < first.count; ++i) {
    udp_wire::Head head = first;
    head.kind = kind;
    head.sequence = first.sequence + i;
    udp_wire::put(head, bytes.subspan(i * size));
  }
  if (kernel_segments_ && send_as_one(fd, to, bytes.size(), first.size)) return;
  for (std::uint32_t i = 0; i < first.count; ++i) {
    ::sendto(fd, bytes.data() + i * size, size, 0, reinterpret_cast<const sockaddr*>(to),
             to != nullptr ? sizeof *to : 0);
  }
}

bool Train::send_as_one(int fd, const sockaddr_in* to, std::size_t bytes, std::uint16_t segment) noexcept {
  iovec slice{.iov_base = bytes_.data(), .iov_len = bytes};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_in*>(to);
  header.msg_namelen = to != nullptr ? sizeof *to : 0;
  header.msg_iov = &slice;
  header.msg_iovlen = 1;
  ControlBlock control{};
  put_control(header, control, IPPROTO_UDP, UDP_SEGMENT, segment);
  if (::sendmsg(fd, &header, 0) >= 0) return true;
  // Any other error is of the datagrams: they are lost.
  kernel_segments_ = errno != EINVAL && errno != EIO && errno != ENOPROTOOPT;
  return kernel_segments_;
}

}  // namespace evenkeel::bench
