#include "line_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace evenkeel::cli {
namespace {

// A write of at most PIPE_BUF bytes after poll() said "writable" does not block on a pipe, and is
// not torn apart when the log and the access log go to the same one. O_NONBLOCK is no way out: it
// belongs to the open file, which our parent's shell may share.
constexpr std::size_t max_write = 4'096;

// As many whole lines as fit; a longer line goes in pieces.
std::size_t next_piece(std::string_view text) noexcept {
  if (text.size() <= max_write) return text.size();
  const std::size_t newline = text.rfind('\n', max_write - 1);
  return newline == std::string_view::npos ? max_write : newline + 1;
}

}  // namespace

LineWriter::LineWriter(int fd, LossNotice notice, std::size_t capacity)
    : fd_(fd), notice_(std::move(notice)), capacity_(capacity), thread_([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    give_up_at_ = std::chrono::steady_clock::now() + patience;
  }
  changed_.notify_one();
  thread_.join();
}

void LineWriter::append(std::string_view line) noexcept {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + line.size() > capacity_) {
    ++lost_;
    return;
  }
  const bool was_empty = waiting_.empty();
  try {
    waiting_.append(line);
  } catch (...) {  // no memory: a lost line like any other
    ++lost_;
    return;
  }
  if (was_empty) changed_.notify_one();
}

void LineWriter::lose() noexcept {
  const std::lock_guard lock(mutex_);
  ++lost_;
  changed_.notify_one();
}

void LineWriter::run() {
  std::string text;
  for (;;) {
    std::uint64_t lost = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty() || lost_ != 0; });
      if (waiting_.empty() && lost_ == 0) return;  // stopping, and nothing is left
      text.clear();
      text.swap(waiting_);
      lost = std::exchange(lost_, 0);
    }
    write_out(text);
    if (lost != 0) write_out(notice_(lost));
  }
}

void LineWriter::write_out(std::string_view text) {
  while (!text.empty() && !broken_) {
    if (!wait_writable()) return;
    const ssize_t written = ::write(fd_, text.data(), next_piece(text));
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      broken_ = true;
    }
  }
}

// False when there is no point in going on.
bool LineWriter::wait_writable() {
  while (!out_of_patience()) {
    pollfd waited{fd_, POLLOUT, 0};
    const int ready = ::poll(&waited, 1, 100);
    if (ready > 0) {
      broken_ = (waited.revents & POLLNVAL) != 0;
      return !broken_;
    }
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

bool LineWriter::out_of_patience() {
  const std::lock_guard lock(mutex_);
  return stopping_ && std::chrono::steady_clock::now() > give_up_at_;
}

}  // namespace evenkeel::cli
