// One connection to tailscaled and the one exchange on it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <uv.h>

#include "http/body_reader.hpp"
#include "http/head_scanner.hpp"
#include "local/local_api.hpp"
#include "net/fd.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::local {

// Shared by its LocalCall and, while one of its callbacks runs, by itself: so the callback may drop the call.
class LocalExchange : public std::enable_shared_from_this<LocalExchange> {
 public:
  LocalExchange(uv_loop_t* loop, std::shared_ptr<const LocalApiOptions> options, LocalApi::Done done)
      : loop_(loop), options_(std::move(options)), done_(std::move(done)) {}
  // A watch.
  LocalExchange(uv_loop_t* loop, std::shared_ptr<const LocalApiOptions> options, LocalApi::Line line,
                LocalApi::Ended ended, LocalApi::Begun begun)
      : loop_(loop),
        options_(std::move(options)),
        line_(std::move(line)),
        ended_(std::move(ended)),
        begun_(std::move(begun)) {}

  void start(const LocalRequest& request);
  void cancel() noexcept;

 private:
  static constexpr std::size_t read_bytes = 16'384;

  void fail_later(LocalApiError error);
  void connect(const LocalRequest& request);
  void start_timer(std::chrono::milliseconds after);
  void wait_for(int uv_events);
  void guard(void (LocalExchange::*step)()) noexcept;
  void on_timer();
  void on_poll();
  void write();
  void read();
  void take(std::span<char> bytes);
  // Up to the end of the final head; what is behind it goes to take_body(). False when it failed.
  bool take_head(std::string_view bytes);
  void take_body(std::span<char> bytes);
  void take_lines(std::string_view data);
  void on_end();
  void begin_body();
  void close() noexcept;
  void fail(ErrorCode code, std::string text);
  void finish(LocalResult<LocalResponse> result);
  [[nodiscard]] bool is_watch() const noexcept { return static_cast<bool>(line_); }
  // A watch that was refused has an answer like any other.
  [[nodiscard]] bool streams() const noexcept { return is_watch() && response_.status == 200; }

  uv_loop_t* loop_;
  std::shared_ptr<const LocalApiOptions> options_;
  LocalApi::Done done_;
  LocalApi::Line line_;
  LocalApi::Ended ended_;
  LocalApi::Begun begun_;
  std::string what_;  // "GET /localapi/v0/status", for errors
  std::string unsent_;
  std::string head_;
  http::HeadScanner scanner_;
  std::size_t head_bytes_ = 0;  // of all heads that came
  http::BodyReader body_;
  LocalResponse response_;
  std::string part_;                      // of a line
  std::optional<LocalApiError> failure_;  // to be told from the loop
  net::Fd fd_;
  net::UvHandle<uv_poll_t> poll_;  // after fd_: stopped before the descriptor closes
  net::UvHandle<uv_timer_t> timer_;
  bool connected_ = false;
  bool in_body_ = false;
  bool skips_line_ = false;  // to its end: it is too long
  bool over_ = false;
};

}  // namespace evenkeel::local
