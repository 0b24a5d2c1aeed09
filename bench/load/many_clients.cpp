#include "load/many_clients.hpp"

#include <sys/socket.h>
#include <utility>

#include "loopback.hpp"

namespace evenkeel::bench {
namespace {

constexpr std::uint32_t first_address = 0x7f10'0001;  // 127.16.0.1

in_addr_t address_of(std::uint64_t client) noexcept {
  return htonl(first_address + static_cast<std::uint32_t>(client));
}

}  // namespace

ManyClients::ManyClients(std::uint16_t port, std::size_t bytes) : target_(loopback(port)), bytes_(bytes) {}

bool ManyClients::open(std::uint16_t port) {
  net::Fd fd = udp_socket(INADDR_ANY, port);
  const int on = 1;
  // It is bound to every address of the machine, but nothing from elsewhere reaches it.
  constexpr char device[] = "lo";
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device, sizeof device) != 0 ||
      ::setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) {
    return false;
  }
  polls_.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
  sockets_.push_back(std::move(fd));
  return true;
}

void ManyClients::add(std::uint32_t client) {
  const std::size_t socket = socket_of(client);
  if (out_.full() || socket != out_socket_) send();
  out_socket_ = socket;
  const auto datagram = std::span(datagrams_).subspan(out_.count() * bytes_, bytes_);
  udp_wire::put({.kind = udp_wire::Kind::echo, .run = client, .sequence = sent_++}, datagram);
  out_.add(datagram, target_, address_of(client));
}

void ManyClients::send() {
  if (out_.count() != 0) out_.send(sockets_[out_socket_].get());
}

std::size_t ManyClients::receive() {
  const std::uint64_t before = answered_.count();
  for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
    for (std::size_t count = in_.capacity(); count == in_.capacity();) {
      count = in_.receive(sockets_[socket].get());
      for (std::size_t i = 0; i < count; ++i) {
        const Inbox::Message message = in_.message(i);
        const auto head = udp_wire::head_of(message.bytes);
        if (!head || message.bytes.size() != bytes_) continue;
        const bool ours = head->run < most && message.to == address_of(head->run) &&
                          socket == socket_of(static_cast<std::uint32_t>(head->run));
        if (!ours) ++strayed_;
        if (ours && head->sequence < sent_) answered_.add(head->sequence);
      }
    }
  }
  return answered_.count() - before;
}

}  // namespace evenkeel::bench
