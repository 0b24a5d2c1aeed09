#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "floor/forwarder.hpp"
#include "floor/head.hpp"

namespace evenkeel::bench {
namespace {

// From here on a body is cheaper to splice than to read and write.
constexpr std::uint64_t splice_from = 262'144;
constexpr int pipe_capacity = 262'144;

}  // namespace

Upstream* Upstream::take(Forwarder& forwarder, Client& client) {
  Target& target = forwarder.targets[forwarder.next_target];
  if (++forwarder.next_target == forwarder.targets.size()) forwarder.next_target = 0;
  Upstream* upstream = nullptr;
  if (!target.idle.empty()) {
    upstream = target.idle.back();
    target.idle.pop_back();
  } else {
    net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return nullptr;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const bool connected =
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target.address), sizeof target.address) == 0;
    if (!connected && errno != EINPROGRESS) return nullptr;
    upstream = new Upstream(forwarder, target, std::move(fd), !connected);
  }
  upstream->client_ = &client;
  return upstream;
}

Upstream::Upstream(Forwarder& forwarder, Target& target, net::Fd fd, bool connecting)
    : Socket(forwarder.watches, std::move(fd), connecting ? UV_WRITABLE : UV_READABLE),
      forwarder_(forwarder),
      target_(target),
      connecting_(connecting) {}

void Upstream::end() {
  if (client_ == nullptr) std::erase(target_.idle, this);
  delete this;
}

void Upstream::on_failed() {
  if (client_ != nullptr) return client_->end();  // ends this too
  end();
}

void Upstream::on_drained() {
  connecting_ = false;
}

void Upstream::send_request(std::string_view bytes) {
  if (connecting_) return send_later(bytes);
  send(bytes, *client_);
}

void Upstream::on_readable() {
  if (pipe_.read_end) return splice_on();
  const ssize_t count = ::recv(fd(), forwarder_.buffer.data(), forwarder_.buffer.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0 || client_ == nullptr) return on_failed();
  std::span<char> bytes(forwarder_.buffer.data(), static_cast<std::size_t>(count));
  if (client_->tunnel()) return client_->send({bytes.data(), bytes.size()}, *this);

  if (left_ == 0) {
    const Head head = read_head(HTTP_RESPONSE, {bytes.data(), bytes.size()});
    if (head.length == 0) return on_failed();
    if (head.switches) {
      client_->open_tunnel();
      return client_->send({bytes.data(), bytes.size()}, *this);
    }
    left_ = head.length + head.body;
  }
  if (bytes.size() > left_) return on_failed();
  left_ -= bytes.size();
  if (client_->closes())
    bytes = bytes.first(replace(bytes, "\r\nConnection: keep-alive", "\r\nConnection: close"));
  client_->send({bytes.data(), bytes.size()}, *this);
  if (left_ == 0) return finish();
  if (left_ >= splice_from) start_splice();
}

void Upstream::finish() {
  Client* client = std::exchange(client_, nullptr);
  client->release(*this);
  target_.idle.push_back(this);
  client->on_response_end();
}

void Upstream::start_splice() {
  if (!forwarder_.pipes.empty()) {
    pipe_ = std::move(forwarder_.pipes.back());
    forwarder_.pipes.pop_back();
    return;
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return;
  pipe_ = {net::Fd(ends[0]), net::Fd(ends[1])};
  ::fcntl(ends[1], F_SETPIPE_SZ, pipe_capacity);
}

void Upstream::splice_on() {
  constexpr unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  for (bool more = true; more || held_ != 0;) {
    if (held_ == 0) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, pipe_capacity));
      const ssize_t in = ::splice(fd(), nullptr, pipe_.write_end.get(), nullptr, want, flags);
      if (in < 0 && errno == EAGAIN) return;
      if (in <= 0) return on_failed();
      held_ = static_cast<std::size_t>(in);
      left_ -= held_;
      // Less than asked for: more would most likely be EAGAIN.
      more = held_ == want;
    }
    const ssize_t out = ::splice(pipe_.read_end.get(), nullptr, client_->fd(), nullptr, held_, flags);
    if (out < 0 && errno != EAGAIN) return on_failed();
    held_ -= out < 0 ? 0 : static_cast<std::size_t>(out);
    if (held_ != 0) return client_->wait_for_room(*this);
    if (left_ == 0) {
      forwarder_.pipes.push_back(std::exchange(pipe_, {}));
      return finish();
    }
  }
}

}  // namespace evenkeel::bench
