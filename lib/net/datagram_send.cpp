// Sending many datagrams with few system calls.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/udp.h>

#include "net/datagram.hpp"
#include "net/socket.hpp"

namespace evenkeel::net {
namespace {

// Segments of a train cannot be fragmented: those that might not fit into a packet go by themselves.
constexpr std::size_t longest_segment = 1'400;
constexpr std::size_t longest_train = 64'000;
constexpr std::size_t most_segments = 64;  // UDP_MAX_SEGMENTS of the first kernels that had it

struct SentControl {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint16_t))];
};

template <class T>
void add_control(msghdr& message, int level, int type, const T& value) noexcept {
  auto* header = reinterpret_cast<cmsghdr*>(static_cast<char*>(message.msg_control) + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

void add_local(msghdr& message, const LocalIp& local) noexcept {
  if (local.family == AF_INET) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.bytes.data(), sizeof info.ipi_spec_dst);
    add_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else if (local.family == AF_INET6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.bytes.data(), sizeof info.ipi6_addr);
    add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

bool same_way(const Datagrams& a, const Datagrams& b, bool to_peers) noexcept {
  return !to_peers || (a.peer == b.peer && a.local == b.local);
}

// How many of the entries go as one train; the first alone when it cannot be part of one.
std::size_t train_length(std::span<const Datagrams> entries, bool to_peers) noexcept {
  const std::size_t segment = entries[0].bytes.size();
  if (entries[0].segment != 0 || segment == 0 || segment > longest_segment) return 1;
  const std::size_t most = std::min({entries.size(), most_segments, longest_train / segment});
  std::size_t length = 1;
  while (length < most) {
    const Datagrams& next = entries[length];
    if (next.segment != 0 || next.bytes.empty() || next.bytes.size() > segment) break;
    if (!same_way(entries[0], next, to_peers)) break;
    ++length;
    if (next.bytes.size() < segment) break;  // only the last may be shorter
  }
  return length;
}

// The messages of one sendmmsg(2).
class Outgoing {
 public:
  Outgoing(std::span<const Datagrams> entries, bool to_peers) noexcept {
    std::size_t i = 0;
    while (i < entries.size()) {
      const std::size_t length = train_length(entries.subspan(i), to_peers);
      add(entries.subspan(i, length), to_peers);
      i += length;
    }
  }
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] mmsghdr* at(unsigned index) noexcept { return &messages_[index]; }
  [[nodiscard]] std::size_t entries_of(unsigned index) const noexcept {
    return messages_[index].msg_hdr.msg_iovlen;
  }

 private:
  void add(std::span<const Datagrams> train, bool to_peers) noexcept {
    msghdr& message = messages_[size_].msg_hdr;
    message = {};
    message.msg_iov = &slices_[slices_used_];
    message.msg_iovlen = train.size();
    for (const Datagrams& entry : train) slices_[slices_used_++] = {entry.bytes.data(), entry.bytes.size()};
    message.msg_control = controls_[size_].bytes;
    const Datagrams& first = train.front();
    if (to_peers) {
      message.msg_name = const_cast<sockaddr_in6*>(&first.peer.raw);
      message.msg_namelen = first.peer.length();
      add_local(message, first.local);
    }
    const auto segment = train.size() > 1 ? static_cast<std::uint16_t>(first.bytes.size()) : first.segment;
    if (segment != 0) add_control(message, IPPROTO_UDP, UDP_SEGMENT, segment);
    if (message.msg_controllen == 0) message.msg_control = nullptr;
    ++size_;
  }

  std::array<mmsghdr, DatagramBatch::most> messages_;
  std::array<iovec, DatagramBatch::most> slices_;
  std::array<SentControl, DatagramBatch::most> controls_;
  std::size_t slices_used_ = 0;
  unsigned size_ = 0;
};

// One by one, for what the kernel or the network cannot take as a train.
std::size_t send_singly(int fd, const Datagrams& entry, bool to_peers) noexcept {
  std::size_t lost = 0;
  const std::size_t step = entry.segment == 0 ? std::max<std::size_t>(entry.bytes.size(), 1) : entry.segment;
  std::size_t at = 0;
  do {
    const std::span<char> bytes = entry.bytes.subspan(at, std::min(step, entry.bytes.size() - at));
    SentControl control;
    iovec slice{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &slice;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    if (to_peers) {
      message.msg_name = const_cast<sockaddr_in6*>(&entry.peer.raw);
      message.msg_namelen = entry.peer.length();
      add_local(message, entry.local);
    }
    if (message.msg_controllen == 0) message.msg_control = nullptr;
    if (::sendmsg(fd, &message, MSG_DONTWAIT) < 0) ++lost;
    at += step;
  } while (at < entry.bytes.size());
  return lost;
}

}  // namespace

SendOutcome send_datagrams(int fd, std::span<const Datagrams> entries, bool to_peers) noexcept {
  SendOutcome outcome;
  if (entries.size() == 1 && !to_peers && entries[0].segment == 0) {
    if (::send(fd, entries[0].bytes.data(), entries[0].bytes.size(), MSG_DONTWAIT) < 0) {
      if (errno == ECONNREFUSED) return {.os_error = errno};
      outcome.lost = 1;
    }
    outcome.sent = 1;
    return outcome;
  }
  Outgoing outgoing(entries, to_peers);
  unsigned done = 0;
  while (done < outgoing.size()) {
    const int count = ::sendmmsg(fd, outgoing.at(done), outgoing.size() - done, MSG_DONTWAIT);
    if (count > 0) {
      for (int i = 0; i < count; ++i) outcome.sent += outgoing.entries_of(done++);
      continue;
    }
    if (errno == ECONNREFUSED && !to_peers) {
      outcome.os_error = errno;
      return outcome;
    }
    // Of this message; the next may go another way.
    const std::span<const Datagrams> failed = entries.subspan(outcome.sent, outgoing.entries_of(done));
    const bool was_train = failed.size() > 1 || failed[0].segment != 0;
    for (const Datagrams& entry : failed) {
      outcome.lost += was_train ? send_singly(fd, entry, to_peers) : 1;
    }
    outcome.sent += failed.size();
    ++done;
  }
  return outcome;
}

}  // namespace evenkeel::net
