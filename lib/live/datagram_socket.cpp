#include "live/datagram_socket.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::live {

Result<std::uint16_t> DatagramSocket::open(uv_loop_t* loop, const std::string& host, std::uint16_t port,
                                           Heard heard) {
  const auto address = net::ip_address(host, port);
  if (!address) return std::unexpected(address.error());
  auto fd = net::listen_datagram(*address, {.reuse_port = false, .receive_buffer = std::uint64_t{1} << 20U});
  if (!fd) return std::unexpected(fd.error());
  const auto local = net::local_address(fd->get());
  if (!local) return std::unexpected(local.error());
  heard_ = std::move(heard);
  batch_ = std::make_unique<net::DatagramBatch>();
  fd_ = *std::move(fd);
  poll_ = net::make_handle<uv_poll_t>(uv_poll_init, loop, fd_.get());
  if (!poll_) return std::unexpected(Error{ErrorCode::system, Fault::us, false, 0});
  poll_->data = this;
  uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* poll, int, int) {
    if (poll->data != nullptr) static_cast<DatagramSocket*>(poll->data)->receive();
  });
  return local->port();
}

void DatagramSocket::send(std::string_view text, const net::Endpoint& to, const net::LocalIp& from) noexcept {
  if (!fd_) return;
  net::Datagrams datagram;
  std::string bytes(text);
  datagram.bytes = bytes;
  datagram.fd = fd_.get();
  datagram.peer = to;
  datagram.local = from;
  (void)net::send_datagrams(fd_.get(), std::span(&datagram, 1), true);
}

void DatagramSocket::receive() {
  bool is_empty = false;
  // An error that an ICMP message told of is no end.
  const auto received = batch_->receive(fd_.get(), is_empty);
  if (received) {
    for (const net::Datagrams& each : *received) {
      if (!fd_) break;  // closed by who heard the one before
      // One without bytes is one, too.
      const std::size_t size = each.segment == 0 ? std::max<std::size_t>(each.bytes.size(), 1) : each.segment;
      std::size_t at = 0;
      do {
        net::Datagrams one = each;
        one.bytes = each.bytes.subspan(at, std::min(size, each.bytes.size() - at));
        heard_(one);
        at += size;
      } while (fd_ && at < each.bytes.size());
    }
  }
  if (batch_) batch_->clear();
}

void DatagramSocket::close() {
  poll_.reset();
  fd_.reset();
}

}  // namespace evenkeel::live
