// Messages from any thread to one loop.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <uv.h>

namespace evenkeel::cli {

// Unbounded, but fed only by commands and reports: a handful in the life of the process.
//
// Lifetime: open() and close() on the loop's thread; what is posted after close() is dropped. The mailbox
// must outlive the turn of the loop that finishes close(), since the loop still holds its handle.
template <class Message>
class Mailbox {
 public:
  using Handler = std::function<void(Message)>;

  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // 0, or a libuv error.
  int open(uv_loop_t* loop, Handler handler) {
    handler_ = std::move(handler);
    async_.data = this;
    return uv_async_init(loop, &async_,
                         [](uv_async_t* async) { static_cast<Mailbox*>(async->data)->deliver(); });
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    auto* handle = reinterpret_cast<uv_handle_t*>(&async_);
    if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
  }

  // Any thread.
  void post(Message message) {
    // Sent under the lock: once a message is seen, its sender is done with the handle. Otherwise the
    // receiver of a last message could close the handle while the sender still wakes it.
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    waiting_.push_back(std::move(message));
    uv_async_send(&async_);
  }

 private:
  void deliver() {
    std::vector<Message> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(waiting_);
    }
    for (Message& message : arrived) handler_(std::move(message));
  }

  uv_async_t async_{};
  Handler handler_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<Message> waiting_;
};

}  // namespace evenkeel::cli
