#include "net/reactor.hpp"

namespace evenkeel::net {
namespace {

constexpr std::size_t expected_endings = 64;  // a turn; more only costs an allocation

void end_event_of(void* reactor) {
  static_cast<Reactor*>(reactor)->end_event();
}

}  // namespace

Reactor::Reactor(uv_loop_t* loop)
    : loop_(loop),
      read_buffer_(std::make_unique<std::array<char, read_size>>()),
      poller_(loop, end_event_of, this),
      timeouts_(loop, end_event_of, this) {
  ended_.reserve(expected_endings);
}

void Reactor::bury(std::unique_ptr<Mortal> ended) noexcept {
  ended_.push_back(std::move(ended));
}

void Reactor::end_event() noexcept {
  while (Task* task = tasks_.front()) {
    task->unlink();
    task->run();
  }
  // Destroying one may end another, which is then appended while this runs.
  while (!ended_.empty()) {
    const std::unique_ptr<Mortal> last = std::move(ended_.back());
    ended_.pop_back();
  }
}

void Reactor::close() noexcept {
  end_event();
  poller_.close();
  timeouts_.close();
}

}  // namespace evenkeel::net
