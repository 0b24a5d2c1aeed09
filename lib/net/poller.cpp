#include "net/poller.hpp"

#include <bit>
#include <cerrno>
#include <new>
#include <sys/epoll.h>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::net {

Poller::Poller(uv_loop_t* loop, void (*after_event)(void*), void* after_argument)
    : loop_(loop),
      after_event_(after_event),
      after_argument_(after_argument),
      again_(make_handle<uv_idle_t>(uv_idle_init, loop)) {
  if (!again_) throw std::bad_alloc();
  again_->data = this;
}

Poller::Watch* Poller::watch_of(int fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  try {
    if (index >= watches_.size()) {
      const std::size_t size = std::bit_ceil(index + 1);
      // Each socket is queued at most once, so that queueing one never allocates.
      queued_.reserve(size);
      pass_.reserve(size);
      watches_.resize(size);
    }
    if (!watches_[index]) {
      watches_[index] = make_handle<Watch>(
          [](uv_loop_t* loop, Watch* watch, int number) { return uv_poll_init(loop, watch, number); }, loop_,
          fd);
      if (watches_[index]) watches_[index]->data = watches_[index]->poller = this;
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return watches_[index].get();
}

Result<void> Poller::watch(int fd, unsigned interest, IoHandler& handler) noexcept {
  Watch* watch = watch_of(fd);
  if (watch == nullptr) return std::unexpected(setup_error(ENOMEM));
  if (watch->handler == nullptr) {
    if (Result<void> started = start(*watch); !started) return started;
  }
  watch->handler = &handler;
  watch->interest = static_cast<std::uint8_t>(interest);
  report_writable(*watch);
  queue_if_ready(*watch);
  return {};
}

Result<void> Poller::start(Watch& watch) noexcept {
  const int status = uv_poll_start(&watch, UV_READABLE | UV_DISCONNECT | UV_PRIORITIZED, on_poll);
  if (status != 0) return std::unexpected(setup_error(-status));
  // libuv has no name for it, and hands its mask to epoll_ctl as it is. Whether that still holds is
  // what "poller: a socket that nobody reads does not spin" tests.
  watch.io_watcher.pevents |= EPOLLET;
  watch.active = true;
  return {};
}

// Asked for only while somebody waits for it: otherwise the kernel would wake us each time that a full
// socket has drained a little, which for bulk data is all the time.
void Poller::report_writable(Watch& watch) noexcept {
  uv__io_t& io_watcher = watch.io_watcher;
  const bool wanted = (watch.interest & ~unsigned{watch.ready} & io::writable) != 0;
  const bool reported = (io_watcher.pevents & EPOLLOUT) != 0;
  if (reported == wanted || !watch.active) return;
  io_watcher.pevents ^= EPOLLOUT;
  rearm(watch);
}

// Setting the mask makes the kernel look, and report what it finds.
void Poller::rearm(Watch& watch) noexcept {
  uv__io_t& watcher = watch.io_watcher;
  // Not yet in epoll: libuv will put it there with this mask.
  if (watcher.events == 0) return;
  watcher.events = watcher.pevents;
  epoll_event event{.events = watcher.pevents, .data = {.fd = watcher.fd}};
  (void)::epoll_ctl(uv_backend_fd(loop_), EPOLL_CTL_MOD, watcher.fd, &event);
}

void Poller::stop(Watch& watch) noexcept {
  if (!std::exchange(watch.active, false)) return;
  // libuv takes a descriptor out of its set only when no bit of the mask is left.
  watch.io_watcher.pevents &= ~static_cast<unsigned>(EPOLLET);
  uv_poll_stop(&watch);
}

void Poller::used_up(int fd, unsigned what, bool certain) noexcept {
  Watch& watch = *watches_[static_cast<std::size_t>(fd)];
  if (!certain && watch.read_to_the_end) return;
  watch.ready = static_cast<std::uint8_t>(watch.ready & ~what);
  report_writable(watch);
}

void Poller::note_readable(int fd) noexcept {
  Watch& watch = *watches_[static_cast<std::size_t>(fd)];
  watch.ready = static_cast<std::uint8_t>(watch.ready | io::readable);
  queue_if_ready(watch);
}

bool Poller::is_ready(int fd) const noexcept {
  return (watches_[static_cast<std::size_t>(fd)]->ready & (io::readable | io::failed)) != 0;
}

bool Poller::reads_to_the_end(int fd) const noexcept {
  return watches_[static_cast<std::size_t>(fd)]->read_to_the_end;
}

void Poller::ask_again(int fd) noexcept {
  Watch& watch = *watches_[static_cast<std::size_t>(fd)];
  if (!watch.active) return;
  watch.ready = static_cast<std::uint8_t>(watch.ready & ~io::readable);
  rearm(watch);
}

// The descriptor closes last: libuv takes it out of epoll by its number, which another thread may get as soon
// as it is free.
void Poller::close(Fd fd) noexcept {
  const auto index = static_cast<std::size_t>(fd.get());
  if (index >= watches_.size() || !watches_[index]) return;
  Watch& watch = *watches_[index];
  stop(watch);
  watch.handler = nullptr;
  watch.ready = io::none;
  watch.read_to_the_end = false;
}

void Poller::close() noexcept {
  for (const UvHandle<Watch>& watch : watches_) {
    if (!watch) continue;
    stop(*watch);
    // uv_close takes the watch's descriptor out of epoll once more. By now the number may belong to
    // another socket on this loop, of another proxy or of the host, which would never hear of an event
    // again. epoll refuses its own descriptor, so naming that makes it a call without an effect.
    watch->io_watcher.fd = uv_backend_fd(loop_);
  }
  queued_.clear();
  pass_.clear();
  watches_.clear();
  again_.reset();
}

void Poller::on_poll(uv_poll_t* handle, int status, int events) {
  auto* watch = static_cast<Watch*>(handle);
  if (watch->data == nullptr || watch->handler == nullptr) return;
  unsigned ready = watch->ready;
  if ((events & (UV_READABLE | UV_DISCONNECT)) != 0) ready |= io::readable;
  if ((events & UV_WRITABLE) != 0) ready |= io::writable;
  if ((events & (UV_DISCONNECT | UV_PRIORITIZED)) != 0) watch->read_to_the_end = true;
  // Known now. libuv takes an error that comes with urgent data for none.
  if ((events & UV_PRIORITIZED) != 0 && watch->active) {
    watch->io_watcher.pevents &= ~static_cast<unsigned>(EPOLLPRI);
    watch->poller->rearm(*watch);
  }
  if (status < 0) {
    ready |= io::readable | io::writable | io::failed;
    watch->read_to_the_end = true;
    stop(*watch);  // nothing can happen to this socket any more
  }
  watch->ready = static_cast<std::uint8_t>(ready);
  watch->poller->deliver(*watch);
}

void Poller::deliver(Watch& watch) noexcept {
  const unsigned events = watch.ready & (watch.interest | io::failed);
  if (events == io::none) return;
  watch.ready = static_cast<std::uint8_t>(watch.ready & ~io::failed);
  watch.handler->on_io(events);
  after_event_(after_argument_);
  if (again_) queue_if_ready(watch);  // unless all is closed
}

// For the next turn: others come first.
void Poller::queue_if_ready(Watch& watch) noexcept {
  if (watch.handler == nullptr || watch.queued || (watch.ready & watch.interest) == 0) return;
  watch.queued = true;
  queued_.push_back(&watch);
  uv_idle_start(again_.get(), [](uv_idle_t* handle) {
    if (handle->data != nullptr) static_cast<Poller*>(handle->data)->deliver_queued();
  });
}

void Poller::deliver_queued() noexcept {
  std::swap(queued_, pass_);
  delivers_queued_ = true;
  // By index: a new socket may make the list grow, and close() empties it.
  for (std::size_t i = 0; i < pass_.size(); ++i) {
    Watch& watch = *pass_[i];
    watch.queued = false;
    if (watch.handler != nullptr) deliver(watch);
  }
  pass_.clear();
  delivers_queued_ = false;
  if (queued_.empty() && again_) uv_idle_stop(again_.get());
}

}  // namespace evenkeel::net
