// One reactor for all proxies of a loop.
#pragma once

#include <memory>

#include "net/reactor.hpp"

namespace evenkeel::net {

// A reactor has buffers, and a watch for each descriptor number: one a port would cost hundreds of
// megabytes where there are many ports. The first proxy on a loop makes it; the last one to leave()
// closes it. Thread rule: the loop's thread.
class SharedReactor {
 public:
  // Throws std::bad_alloc.
  explicit SharedReactor(uv_loop_t* loop);
  ~SharedReactor() { leave(); }
  SharedReactor(const SharedReactor&) = delete;
  SharedReactor& operator=(const SharedReactor&) = delete;

  // This proxy is done with it: nothing of it is watched or timed any more. The reactor stays valid
  // as an object until this is destroyed. Idempotent.
  void leave() noexcept;

  [[nodiscard]] Reactor& get() noexcept { return shared_->reactor; }

 private:
  struct Shared {
    explicit Shared(uv_loop_t* loop) : reactor(loop) {}
    Reactor reactor;
    std::size_t users = 0;
  };
  static std::shared_ptr<Shared> of(uv_loop_t* loop);

  std::shared_ptr<Shared> shared_;
  bool left_ = false;
};

}  // namespace evenkeel::net
