#include "net/shared_reactor.hpp"

#include <utility>
#include <vector>

namespace evenkeel::net {

// A list, since a thread has one loop or a few. Of one that is closed, or of a loop that is gone,
// nothing is given out again: another loop may have come to the same address.
std::shared_ptr<SharedReactor::Shared> SharedReactor::of(uv_loop_t* loop) {
  thread_local std::vector<std::weak_ptr<Shared>> known;
  std::erase_if(known, [](const std::weak_ptr<Shared>& one) {
    const std::shared_ptr<Shared> alive = one.lock();
    return !alive || alive->users == 0;
  });
  for (const std::weak_ptr<Shared>& one : known) {
    std::shared_ptr<Shared> alive = one.lock();
    if (alive->reactor.loop() == loop) return alive;
  }
  auto made = std::make_shared<Shared>(loop);
  known.push_back(made);
  return made;
}

SharedReactor::SharedReactor(uv_loop_t* loop) : shared_(of(loop)) {
  ++shared_->users;
}

void SharedReactor::leave() noexcept {
  if (std::exchange(left_, true)) return;
  shared_->reactor.end_event();
  if (--shared_->users == 0) shared_->reactor.close();
}

}  // namespace evenkeel::net
