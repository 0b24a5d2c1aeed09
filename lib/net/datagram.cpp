#include "net/datagram.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/udp.h>
#include <new>
#include <sys/mman.h>

#include "net/socket.hpp"

namespace evenkeel::net {
namespace {

// The longest that recvmmsg(2) can give: a datagram of 65,507 bytes, or a train.
constexpr std::size_t slot_size = 65'536;
// Slots at a multiple of a page would all compete for the same lines of the cache.
constexpr std::size_t stride = slot_size + 192;

bool is_wildcard(const SocketAddress& address) noexcept {
  if (address.storage.ss_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr.s_addr == INADDR_ANY;
  }
  return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr);
}

void set_receive_buffer(int fd, std::uint64_t bytes) noexcept {
  if (bytes == 0) return;
  const int size = static_cast<int>(std::min<std::uint64_t>(bytes, 1U << 30U));
  // Past net.core.rmem_max only for the privileged; up to it for everybody.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
  }
}

struct ReceivedControl {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

LocalIp local_of(const cmsghdr& header) noexcept {
  LocalIp local;
  if (header.cmsg_level == IPPROTO_IP) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&header), sizeof info);
    local.family = AF_INET;
    // Not ipi_addr, which is no address of ours when the datagram was sent to all.
    std::memcpy(local.bytes.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&header), sizeof info);
    local.family = AF_INET6;
    std::memcpy(local.bytes.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
  }
  return local;
}

}  // namespace

Endpoint Endpoint::of(const SocketAddress& address) noexcept {
  Endpoint endpoint;
  std::memcpy(&endpoint.raw, &address.storage,
              address.storage.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return endpoint;
}

PeerIp Endpoint::ip() const noexcept {
  SocketAddress address;
  std::memcpy(&address.storage, &raw, sizeof raw);
  return PeerIp::of(address);
}

bool operator==(const Endpoint& a, const Endpoint& b) noexcept {
  return std::memcmp(&a.raw, &b.raw, sizeof a.raw) == 0;
}

Result<Fd> listen_datagram(const SocketAddress& address, const DatagramOptions& options) noexcept {
  Result<Fd> fd = bind_datagram(address, options.reuse_port);
  if (!fd) return fd;
  if (const Result<void> ready = prepare_datagram(fd->get(), options.receive_buffer); !ready) {
    return std::unexpected(ready.error());
  }
  return fd;
}

Result<void> prepare_datagram(int fd, std::uint64_t receive_buffer) noexcept {
  const Result<SocketAddress> address = local_address(fd);
  if (!address) return std::unexpected(address.error());
  set_receive_buffer(fd, receive_buffer);
  set_option(fd, IPPROTO_UDP, UDP_GRO, 1);  // an older kernel gives single ones
  if (is_wildcard(*address)) {
    const bool v4 = address->storage.ss_family == AF_INET;
    set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1);
  }
  return {};
}

Result<Fd> connect_datagram(const SocketAddress& address) noexcept {
  Fd fd(::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(setup_error(errno));
  // Else a router's "fragmentation needed" becomes an error of the socket, as if the target were not there.
  const bool v4 = address.storage.ss_family == AF_INET;
  static_assert(IP_PMTUDISC_DONT == IPV6_PMTUDISC_DONT);
  set_option(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
             IP_PMTUDISC_DONT);
  if (::connect(fd.get(), address.raw(), address.length) != 0) {
    // EAGAIN: no local port is left.
    return std::unexpected(errno == EAGAIN ? setup_error(EADDRINUSE) : connect_error(errno));
  }
  set_option(fd.get(), IPPROTO_UDP, UDP_GRO, 1);
  return fd;
}

struct DatagramBatch::Headers {
  std::array<mmsghdr, most> messages{};
  std::array<iovec, most> slices;
  std::array<ReceivedControl, most> controls;

  // As the kernel is to find it: it writes lengths and flags into what it has used.
  void reset(std::size_t index, Datagrams& entry) noexcept {
    entry.peer = {};
    msghdr& header = messages[index].msg_hdr;
    header.msg_name = &entry.peer.raw;
    header.msg_namelen = sizeof entry.peer.raw;
    header.msg_iov = &slices[index];
    header.msg_iovlen = 1;
    header.msg_control = controls[index].bytes;
    header.msg_controllen = sizeof controls[index].bytes;
  }

  void take(std::size_t index, Datagrams& entry) noexcept;
};

DatagramBatch::DatagramBatch()
    : headers_(std::make_unique<Headers>()), entries_(std::make_unique<Datagrams[]>(most)) {
  void* const memory = ::mmap(nullptr, most * stride, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  slots_ = static_cast<char*>(memory);
  for (std::size_t i = 0; i < most; ++i) headers_->slices[i] = {slots_ + i * stride, slot_size};
  for (std::size_t i = 0; i < most; ++i) headers_->reset(i, entries_[i]);
}

DatagramBatch::~DatagramBatch() {
  ::munmap(slots_, most * stride);
}

Result<std::span<Datagrams>> DatagramBatch::receive(int fd, bool& emptied) noexcept {
  const std::size_t first = size_;
  const auto room = static_cast<unsigned>(most - first);
  const int count = ::recvmmsg(fd, &headers_->messages[first], room, MSG_DONTWAIT, nullptr);
  emptied = count < static_cast<int>(room);
  if (count < 0) {
    if (would_block(errno)) return std::span<Datagrams>();
    return std::unexpected(connect_error(errno));
  }
  size_ += static_cast<std::size_t>(count);
  for (std::size_t i = first; i < size_; ++i) headers_->take(i, entries_[i]);
  return std::span(entries_.get() + first, size_ - first);
}

void DatagramBatch::clear() noexcept {
  for (std::size_t i = 0; i < size_; ++i) headers_->reset(i, entries_[i]);
  size_ = 0;
}

void DatagramBatch::Headers::take(std::size_t index, Datagrams& entry) noexcept {
  msghdr& message = messages[index].msg_hdr;
  const std::size_t length = messages[index].msg_len;
  entry.bytes = {static_cast<char*>(message.msg_iov->iov_base), length};
  entry.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  entry.segment = 0;
  entry.local = {};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO) {
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(header), sizeof segment);
      if (static_cast<std::size_t>(segment) < length) entry.segment = static_cast<std::uint16_t>(segment);
    } else if (header->cmsg_type == IP_PKTINFO || header->cmsg_type == IPV6_PKTINFO) {
      entry.local = local_of(*header);
    }
  }
}

}  // namespace evenkeel::net
