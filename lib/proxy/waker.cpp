#include "proxy/waker.hpp"

#include <memory>
#include <new>
#include <utility>

namespace evenkeel::proxy {

Waker::Waker(uv_loop_t* loop, void (*woken)(void* owner), void* owner)
    : async_(net::make_handle<Async>(
          [](uv_loop_t* on, Async* async) {
            return uv_async_init(on, async, [](uv_async_t* handle) {
              const auto* rung = static_cast<Async*>(handle);
              if (rung->data != nullptr) rung->woken(rung->owner);
            });
          },
          loop)) {
  if (!async_) throw std::bad_alloc();
  async_->data = this;
  async_->woken = woken;
  async_->owner = owner;
}

void Waker::close(std::function<void()> closed) {
  Async* async = async_.release();
  async->data = nullptr;
  async->closed = std::move(closed);
  uv_close(reinterpret_cast<uv_handle_t*>(async), [](uv_handle_t* handle) {
    const std::unique_ptr<Async> gone(reinterpret_cast<Async*>(handle));
    if (gone->closed) gone->closed();
  });
}

}  // namespace evenkeel::proxy
