#include "net/frames.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sys/socket.h>

namespace evenkeel::net {
namespace {

using Header = std::array<char, frame_header>;

// False when it is no header.
bool read_header(std::span<const char> bytes, Endpoint& peer) noexcept {
  if (bytes[1] != 0 || (bytes[0] != 4 && bytes[0] != 6)) return false;
  SocketAddress address;
  if (bytes[0] == 4) {
    auto& v4 = *reinterpret_cast<sockaddr_in*>(&address.storage);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_port, &bytes[2], sizeof v4.sin_port);
    std::memcpy(&v4.sin_addr, &bytes[4], sizeof v4.sin_addr);
    // Else one client could have two sessions.
    if (std::ranges::any_of(bytes.subspan(8, 12), [](char byte) { return byte != 0; })) return false;
  } else {
    auto& v6 = *reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_port, &bytes[2], sizeof v6.sin6_port);
    std::memcpy(&v6.sin6_addr, &bytes[4], sizeof v6.sin6_addr);
  }
  peer = Endpoint::of(address);
  return true;
}

void write_header(const Endpoint& peer, Header& header) noexcept {
  header = {};
  if (peer.raw.sin6_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &peer.raw, sizeof v4);
    header[0] = 4;
    std::memcpy(&header[2], &v4.sin_port, sizeof v4.sin_port);
    std::memcpy(&header[4], &v4.sin_addr, sizeof v4.sin_addr);
  } else {
    header[0] = 6;
    std::memcpy(&header[2], &peer.raw.sin6_port, sizeof peer.raw.sin6_port);
    std::memcpy(&header[4], &peer.raw.sin6_addr, sizeof peer.raw.sin6_addr);
  }
}

// The frames of one sendmmsg(2).
class OutgoingFrames {
 public:
  [[nodiscard]] bool is_full() const noexcept { return size_ == messages_.size(); }

  void add(const Header& header, std::span<char> bytes) noexcept {
    slices_[2 * size_] = {const_cast<char*>(header.data()), header.size()};
    slices_[2 * size_ + 1] = {bytes.data(), bytes.size()};
    msghdr& message = messages_[size_++].msg_hdr;
    message = {};
    message.msg_iov = &slices_[2 * size_ - 2];
    message.msg_iovlen = 2;
  }

  // How many would not go.
  std::size_t send(int fd) noexcept {
    std::size_t done = 0;
    std::size_t lost = 0;
    while (done < size_) {
      const int count =
          ::sendmmsg(fd, &messages_[done], static_cast<unsigned>(size_ - done), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) {
        done += static_cast<std::size_t>(count);
        continue;
      }
      // A socket that is full takes the next one no more than this one.
      const std::size_t failed = errno == EMSGSIZE ? 1 : size_ - done;
      lost += failed;
      done += failed;
    }
    size_ = 0;
    return lost;
  }

 private:
  std::array<mmsghdr, DatagramBatch::most> messages_;
  std::array<iovec, 2 * DatagramBatch::most> slices_;
  std::size_t size_ = 0;
};

}  // namespace

std::size_t take_frames(std::span<Datagrams> received) noexcept {
  std::size_t count = 0;
  for (Datagrams& entry : received) {
    // A frame is never empty: that is how the end of such a socket looks, as often as it is read.
    if (entry.bytes.empty()) break;
    ++count;
    const bool whole = !entry.truncated && entry.bytes.size() >= frame_header;
    entry.peer = {};
    entry.truncated = !whole || !read_header(entry.bytes, entry.peer);
    if (!entry.truncated) entry.bytes = entry.bytes.subspan(frame_header);
  }
  return count;
}

std::size_t send_frames(int fd, std::span<const Datagrams> entries) noexcept {
  std::array<Header, DatagramBatch::most> headers;  // of entries: those of a train share one
  OutgoingFrames outgoing;
  std::size_t lost = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Header& header = headers[i % headers.size()];
    if (i != 0 && i % headers.size() == 0) lost += outgoing.send(fd);
    write_header(entries[i].peer, header);
    std::span<char> rest = entries[i].bytes;
    const std::size_t step = entries[i].segment == 0 ? rest.size() : entries[i].segment;
    do {
      const std::span<char> piece = rest.first(std::min(step, rest.size()));
      outgoing.add(header, piece);
      if (outgoing.is_full()) lost += outgoing.send(fd);
      rest = rest.subspan(piece.size());
    } while (!rest.empty());
  }
  return lost + outgoing.send(fd);
}

}  // namespace evenkeel::net
