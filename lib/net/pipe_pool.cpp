#include "net/pipe_pool.hpp"

#include <fcntl.h>
#include <new>
#include <unistd.h>
#include <utility>

namespace evenkeel::net {

std::unique_ptr<Pipe> PipePool::take() noexcept {
  if (taken_ >= most) return nullptr;
  if (!idle_.empty()) {
    std::unique_ptr<Pipe> pipe = std::move(idle_.back());
    idle_.pop_back();
    ++taken_;
    return pipe;
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  // Beyond the user's share of pipe memory it stays at 64 KiB, which only means more rounds.
  (void)::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(capacity));
  std::unique_ptr<Pipe> pipe(new (std::nothrow) Pipe{std::move(read_end), std::move(write_end)});
  if (pipe) ++taken_;
  return pipe;
}

void PipePool::give_back(std::unique_ptr<Pipe> pipe, bool empty) noexcept {
  --taken_;
  if (!empty || idle_.size() >= kept) return;
  try {
    idle_.reserve(kept);
    idle_.push_back(std::move(pipe));
  } catch (const std::bad_alloc&) {
    return;  // then it is closed
  }
}

}  // namespace evenkeel::net
