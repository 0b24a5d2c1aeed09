#include "floor/socket.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/socket.h>
#include <utility>

namespace evenkeel::bench {

void Watches::watch(int fd, int events, Socket* socket) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size()) slots_.resize(index + 1);
  std::unique_ptr<Slot>& slot = slots_[index];
  if (!slot) {
    slot = std::make_unique<Slot>();
    if (uv_poll_init(loop_, slot.get(), fd) != 0) std::abort();
  }
  slot->socket = socket;
  if (events == 0) {
    uv_poll_stop(slot.get());
  } else {
    uv_poll_start(slot.get(), events, on_poll);
  }
}

void Watches::on_poll(uv_poll_t* handle, int status, int events) {
  auto* slot = static_cast<Slot*>(handle);
  Socket* socket = slot->socket;
  if (status < 0) return socket->on_failed();
  if ((events & UV_WRITABLE) != 0) socket->on_writable();
  // It may have gone in between.
  if ((events & UV_READABLE) != 0 && slot->socket == socket) socket->on_readable();
}

Socket::Socket(Watches& watches, net::Fd fd, int events) : watches_(watches), fd_(std::move(fd)) {
  watch(events);
}

Socket::~Socket() {
  watches_.watch(fd_.get(), 0, nullptr);
}

void Socket::watch(int events) {
  if (events == events_) return;
  events_ = events;
  watches_.watch(fd_.get(), events, this);
}

void Socket::send(std::string_view bytes, Socket& source) {
  const ssize_t count = unsent_.empty() ? ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) : 0;
  // Any other error shows as a failure of the socket, or when it is read.
  const std::size_t sent = count < 0 ? 0 : static_cast<std::size_t>(count);
  if (sent == bytes.size()) return;
  unsent_.append(bytes.substr(sent));
  wait_for_room(source);
}

void Socket::send_later(std::string_view bytes) {
  unsent_.append(bytes);
  watch(UV_WRITABLE);
}

void Socket::wait_for_room(Socket& source) {
  paused_ = &source;
  source.watch(source.events_ & ~UV_READABLE);
  watch(events_ | UV_WRITABLE);
}

void Socket::release(Socket& source) {
  if (paused_ != &source) return;
  paused_ = nullptr;
  source.watch(source.events_ | UV_READABLE);
}

void Socket::on_writable() {
  if (!unsent_.empty()) {
    const ssize_t count = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno != EAGAIN) on_failed();
      return;
    }
    unsent_.erase(0, static_cast<std::size_t>(count));
    if (!unsent_.empty()) return;
  }
  watch(UV_READABLE);
  if (Socket* source = std::exchange(paused_, nullptr)) source->watch(source->events_ | UV_READABLE);
  on_drained();
}

}  // namespace evenkeel::bench
