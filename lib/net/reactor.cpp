#include "net/reactor.hpp"

#include <new>

namespace evenkeel::net {
namespace {

void end_event_of(void* reactor) {
  static_cast<Reactor*>(reactor)->end_event();
}

}  // namespace

Reactor::Reactor(uv_loop_t* loop)
    : loop_(loop),
      read_buffer_(std::make_unique<std::array<char, read_size>>()),
      record_buffer_(std::make_unique<std::array<char, record_size>>()),
      turn_begin_(make_handle<uv_prepare_t>(uv_prepare_init, loop)),
      turn_end_(make_handle<uv_check_t>(uv_check_init, loop)),
      no_wait_(make_handle<uv_idle_t>(uv_idle_init, loop)),
      poller_(loop, end_event_of, this),
      timeouts_(loop, end_event_of, this) {
  if (!turn_begin_ || !turn_end_ || !no_wait_) throw std::bad_alloc();
  turn_begin_->data = turn_end_->data = no_wait_->data = this;
  uv_prepare_start(turn_begin_.get(), [](uv_prepare_t* prepare) {
    if (prepare->data != nullptr) ++static_cast<Reactor*>(prepare->data)->turn_;
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(turn_begin_.get()));  // counting is no reason to go on
}

void Reactor::prepare_datagrams() {
  if (!datagrams_in_) datagrams_in_ = std::make_unique<DatagramBatch>();
  if (!datagrams_out_) datagrams_out_ = std::make_unique<DatagramBatch>();
}

void Reactor::at_turn_end(Task& task) noexcept {
  if (turn_tasks_.empty()) {
    uv_idle_start(no_wait_.get(), [](uv_idle_t*) {});
    uv_check_start(turn_end_.get(), [](uv_check_t* check) {
      if (check->data != nullptr) static_cast<Reactor*>(check->data)->end_turn();
    });
  }
  turn_tasks_.push_back(task);
}

std::uint64_t Reactor::begin_handshake() noexcept {
  // Those that were passed over have time of their own: newcomers, of whom the kernel tells first, would take
  // all of it as long as they keep coming.
  const std::uint64_t part = 2 * turn_ + (poller_.delivers_queued() ? 1 : 0);
  if (handshake_part_ != part) {
    handshake_part_ = part;
    handshake_ns_ = 0;
  }
  return handshake_ns_ < handshake_ns_a_part ? uv_hrtime() : 0;
}

void Reactor::end_handshake(std::uint64_t begun) noexcept {
  handshake_ns_ += uv_hrtime() - begun;
}

void Reactor::end_turn() noexcept {
  while (Task* task = turn_tasks_.front()) {
    task->unlink();
    task->run();
    end_event();
  }
  if (!turn_end_) return;
  uv_check_stop(turn_end_.get());
  uv_idle_stop(no_wait_.get());
}

void Reactor::end_event() noexcept {
  while (Task* task = tasks_.front()) {
    task->unlink();
    task->run();
  }
  // Destroying one may end another, which then stands behind it.
  while (Mortal* ended = ended_.front()) delete ended;
}

void Reactor::close() noexcept {
  end_event();
  turn_begin_.reset();
  turn_end_.reset();
  no_wait_.reset();
  poller_.close();
  timeouts_.close();
}

}  // namespace evenkeel::net
