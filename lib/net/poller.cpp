#include "net/poller.hpp"

#include <new>

namespace evenkeel::net {

Poller::Watch* Poller::watch_of(int fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  try {
    if (index >= watches_.size()) watches_.resize(index + 1);
    if (!watches_[index]) {
      watches_[index] = make_handle<Watch>(
          [](uv_loop_t* loop, Watch* watch, int number) { return uv_poll_init(loop, watch, number); }, loop_,
          fd);
      if (watches_[index]) watches_[index]->data = this;
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return watches_[index].get();
}

Result<void> Poller::watch(int fd, unsigned interest, IoHandler& handler) noexcept {
  Watch* watch = watch_of(fd);
  if (watch == nullptr) return std::unexpected(Error{ErrorCode::system, Fault::us, false, ENOMEM});
  watch->poller = this;
  watch->handler = &handler;
  if (watch->active && watch->interest == interest) return {};
  // UV_PRIORITIZED (urgent data) stands for "only failures": epoll reports those in any case, but a
  // watch with no interest at all would be taken out of epoll. Not otherwise: nobody reads urgent data,
  // so one byte of it would be reported for ever.
  int events = interest == io::none ? UV_PRIORITIZED : 0;
  if ((interest & io::readable) != 0) events |= UV_READABLE;
  if ((interest & io::writable) != 0) events |= UV_WRITABLE;
  const int status = uv_poll_start(watch, events, on_poll);
  if (status != 0) return std::unexpected(Error{ErrorCode::system, Fault::us, false, -status});
  watch->interest = interest;
  watch->active = true;
  return {};
}

void Poller::forget(int fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= watches_.size() || !watches_[index]) return;
  Watch& watch = *watches_[index];
  if (watch.active) uv_poll_stop(&watch);
  watch.active = false;
  watch.handler = nullptr;
}

void Poller::close() noexcept {
  for (const UvHandle<Watch>& watch : watches_) {
    if (!watch) continue;
    if (watch->active) uv_poll_stop(watch.get());
    // uv_close takes the watch's descriptor out of epoll once more. By now the number may belong to
    // another socket on this loop, of another proxy or of the host, which would never hear of an event
    // again. epoll refuses its own descriptor, so naming that makes it a call without an effect.
    watch->io_watcher.fd = uv_backend_fd(loop_);
  }
  watches_.clear();
}

void Poller::on_poll(uv_poll_t* handle, int status, int events) {
  auto* watch = static_cast<Watch*>(handle);
  if (watch->data == nullptr || watch->handler == nullptr) return;
  Poller* poller = watch->poller;
  unsigned ready = io::none;
  if ((events & UV_READABLE) != 0) ready |= io::readable;
  if ((events & UV_WRITABLE) != 0) ready |= io::writable;
  if (status < 0) ready = io::readable | io::writable | io::failed;
  if (ready == io::none || (ready & io::failed) != 0) {
    // These stay true until somebody reads: without stopping, every turn of the loop would report them.
    uv_poll_stop(handle);
    watch->active = false;
  }
  // Urgent data, or a hang-up while reads are paused: what came before it is still to be read, and
  // reading will find the end. Not a failure.
  if (ready == io::none) return;
  watch->handler->on_io(ready);
  poller->after_event_(poller->after_argument_);
}

}  // namespace evenkeel::net
