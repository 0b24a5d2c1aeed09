// How a lease on any loop tells the health monitor that a target keeps failing.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace evenkeel::pool {

// Shared by the pool and its snapshots, so a lease that outlives the pool still finds it.
class FailureWatch {
 public:
  void set(std::function<void()> on_suspect) {
    const std::lock_guard lock(mutex_);
    on_suspect_ = std::move(on_suspect);
  }

  // Any thread. The callback runs under the lock: once set() has returned, the old one neither runs
  // nor will run, and what it points to may go away. It must not come back to the pool.
  void suspect() {
    const std::lock_guard lock(mutex_);
    if (on_suspect_) on_suspect_();
  }

 private:
  std::mutex mutex_;  // only taken by targets that fail repeatedly
  std::function<void()> on_suspect_;
};

}  // namespace evenkeel::pool
