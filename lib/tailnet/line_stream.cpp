#include "tailnet/line_stream.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <sys/socket.h>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::tailnet {
namespace {

constexpr int reads_an_event = 8;

}  // namespace

Result<void> LineStream::open(net::Fd fd) {
  auto poll = net::make_handle<uv_poll_t>(
      [](uv_loop_t* loop, uv_poll_t* handle, int number) { return uv_poll_init(loop, handle, number); },
      loop_, fd.get());
  if (!poll) return std::unexpected(net::setup_error(ENOMEM));
  poll->data = this;
  const int status = uv_poll_start(poll.get(), UV_READABLE | UV_DISCONNECT, [](uv_poll_t* handle, int, int) {
    try {
      if (handle->data != nullptr) static_cast<LineStream*>(handle->data)->on_readable();
    } catch (const std::bad_alloc&) {
      // Nothing may be thrown through libuv: what was being read is lost, as a line that is too long is.
      if (handle->data != nullptr) static_cast<LineStream*>(handle->data)->part_.clear();
    }
  });
  if (status != 0) return std::unexpected(net::setup_error(-status));
  fd_ = std::move(fd);
  poll_ = std::move(poll);
  part_.clear();
  skips_ = false;
  return {};
}

void LineStream::close() noexcept {
  poll_.reset();
  fd_.reset();
}

void LineStream::on_readable() {
  std::array<char, 16'384> bytes;
  for (int i = 0; i < reads_an_event && fd_; ++i) {
    const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (net::would_block(errno) || errno == EINTR)) return;
    if (count <= 0) {
      close();
      return ended_();
    }
    take({bytes.data(), static_cast<std::size_t>(count)});
  }
}

void LineStream::take(std::string_view bytes) {
  while (!bytes.empty() && fd_) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (!skips_) part_.append(piece.substr(0, max_line + 1 - part_.size()));
    skips_ = part_.size() > max_line;
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) return;
    const std::string line = std::exchange(part_, {});
    if (!std::exchange(skips_, false)) line_(line);
  }
}

}  // namespace evenkeel::tailnet
