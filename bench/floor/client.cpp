#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include "floor/forwarder.hpp"
#include "floor/head.hpp"

namespace evenkeel::bench {

Listener::Listener(Forwarder& forwarder, net::Fd fd)
    : Socket(forwarder.watches, std::move(fd), UV_READABLE), forwarder_(forwarder) {}

void Listener::on_readable() {
  // One an event: epoll tells again while there are more, and another accept would mostly find none. Nor is
  // the new connection read at once: its request is mostly still on the way.
  net::Fd accepted(::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted) new Client(forwarder_, std::move(accepted));
}

Client::Client(Forwarder& forwarder, net::Fd fd)
    : Socket(forwarder.watches, std::move(fd), UV_READABLE), forwarder_(forwarder) {}

void Client::end() {
  if (upstream_ != nullptr) {
    upstream_->client_ = nullptr;
    upstream_->end();
  }
  delete this;
}

void Client::on_readable() {
  const ssize_t count = ::recv(fd(), forwarder_.buffer.data(), forwarder_.buffer.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return end();
  std::span<char> bytes(forwarder_.buffer.data(), static_cast<std::size_t>(count));
  if (tunnel_) return upstream_->send({bytes.data(), bytes.size()}, *this);

  const Head head = read_head(HTTP_REQUEST, {bytes.data(), bytes.size()});
  if (upstream_ != nullptr || head.length != bytes.size()) return end();
  closes_ = head.closes;
  upstream_ = Upstream::take(forwarder_, *this);
  if (upstream_ == nullptr) return end();
  // The connection to the target stays, whatever the client wants of its own.
  if (closes_) bytes = bytes.first(replace(bytes, "\r\nConnection: close", ""));
  upstream_->send_request({bytes.data(), bytes.size()});
}

void Client::on_response_end() {
  upstream_ = nullptr;
  if (closes_ && drained()) end();
}

void Client::on_drained() {
  if (upstream_ != nullptr) {
    if (upstream_->held_ != 0) upstream_->splice_on();
  } else if (closes_) {
    end();
  }
}

}  // namespace evenkeel::bench
