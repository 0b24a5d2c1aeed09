// Lines of a stream socket, as they come.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/error.hpp"

#include "net/fd.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::tailnet {

// Thread rule: the loop's thread. The callbacks may close() it, and must not destroy it.
class LineStream {
 public:
  static constexpr std::size_t max_line = 65'536;  // longer ones are left out

  using Line = std::function<void(std::string_view)>;
  using Ended = std::function<void()>;

  LineStream(uv_loop_t* loop, Line line, Ended ended)
      : loop_(loop), line_(std::move(line)), ended_(std::move(ended)) {}

  // Takes over a non-blocking socket.
  Result<void> open(net::Fd fd);
  // Nothing more is told.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }

 private:
  void on_readable();
  void take(std::string_view bytes);

  uv_loop_t* loop_;
  Line line_;
  Ended ended_;
  std::string part_;  // of a line that is not whole
  bool skips_ = false;
  net::Fd fd_;
  net::UvHandle<uv_poll_t> poll_;  // after fd_: stopped before the descriptor closes
};

}  // namespace evenkeel::tailnet
