// Ownership of libuv handles.
#pragma once

#include <memory>

#include <uv.h>

namespace evenkeel::net {

// A libuv handle may only be freed in its close callback, which comes on a later turn of the loop.
// Trampolines must return on a null `data`: that is how they know that the owner is gone. Adopt a
// handle only after its uv_*_init succeeded.
struct UvClose {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
  }
};

template <class Handle>
using UvHandle = std::unique_ptr<Handle, UvClose>;

// make_handle<uv_timer_t>(uv_timer_init, loop): null when the init failed.
template <class Handle, class Init, class... Args>
UvHandle<Handle> make_handle(Init init, uv_loop_t* loop, Args... args) {
  auto handle = std::make_unique<Handle>();
  if (init(loop, handle.get(), args...) != 0) return nullptr;
  return UvHandle<Handle>(handle.release());
}

}  // namespace evenkeel::net
