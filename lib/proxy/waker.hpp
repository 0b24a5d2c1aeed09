// How other threads reach a proxy, and the last handle of it to go.
#pragma once

#include <functional>

#include <uv.h>

#include "net/uv_handle.hpp"

namespace evenkeel::proxy {

// Thread rule: the loop's thread, except ring().
class Waker {
 public:
  // Throws std::bad_alloc.
  Waker(uv_loop_t* loop, void (*woken)(void* owner), void* owner);

  // Any thread, not after close(): `woken` comes on the loop soon, once for several calls.
  void ring() noexcept { uv_async_send(async_.get()); }
  // `woken` does not come any more; `closed`, which may be empty, comes from the loop. Closes asked for
  // earlier in the same turn are over by then.
  void close(std::function<void()> closed);

 private:
  struct Async : uv_async_t {
    void (*woken)(void* owner) = nullptr;
    void* owner = nullptr;
    std::function<void()> closed = {};
  };
  net::UvHandle<Async> async_;
};

}  // namespace evenkeel::proxy
