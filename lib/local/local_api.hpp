// HTTP with a daemon on its Unix socket: tailscaled, dockerd, another evenkeel.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/error.hpp"

namespace evenkeel::local {

struct LocalApiOptions {
  std::string socket_path;
  // Whom a person knows it as, what it wants to be called in Host, and what to do where it is not there or
  // does not let us in.
  std::string who = "the server";
  std::string host = "localhost";
  std::string when_absent = "is not running, or its socket is elsewhere";
  std::string when_forbidden = "run as root, or as a user who may";
  std::chrono::milliseconds timeout{10'000};  // of one whole request; of a watch up to its head
  std::size_t head_bytes = 32'768;            // the response's head, interim ones with it
  std::size_t response_bytes = 4'194'304;     // its body
  std::size_t line_bytes = 1'048'576;         // one line of a watch
};

struct LocalRequest {
  std::string path;  // with its query, percent-encoded
  std::string method = "GET";
  std::string body = {};                                  // JSON
  std::string if_match = {};                              // an Etag; no condition when empty
  std::optional<std::chrono::milliseconds> timeout = {};  // instead of the options'
};

struct LocalResponse {
  int status = 0;
  std::string body;
  std::string etag;
  std::optional<std::chrono::seconds> retry_after;  // of a 429 or 503
};

// `text` is for a person: what is wrong with the server and, where that is known, what to do.
struct LocalApiError {
  Error error;
  std::string text;
};

template <class T>
using LocalResult = std::expected<T, LocalApiError>;

// A status that the asker has no use for, as an error with the server's own words.
LocalApiError unexpected_status(const LocalApiOptions& server, std::string_view request,
                                const LocalResponse& response);

class LocalExchange;

// A request under way. Destroying it cancels, also from within its own callback.
class [[nodiscard]] LocalCall {
 public:
  LocalCall() noexcept = default;
  explicit LocalCall(std::shared_ptr<LocalExchange> exchange) noexcept : exchange_(std::move(exchange)) {}
  LocalCall(LocalCall&&) noexcept = default;
  LocalCall& operator=(LocalCall&& other) noexcept;
  ~LocalCall() { cancel(); }
  void cancel() noexcept;

 private:
  std::shared_ptr<LocalExchange> exchange_;
};

// One connection a request: servers close idle ones, and a Unix socket costs nothing to connect. Calls do
// not keep anything of this object but its options, so it may go before them.
class LocalApi {
 public:
  using Done = std::function<void(LocalResult<LocalResponse>)>;
  using Line = std::function<void(std::string_view)>;
  using Ended = std::function<void(LocalApiError)>;
  using Begun = std::function<void()>;

  LocalApi(uv_loop_t* loop, LocalApiOptions options)
      : loop_(loop), options_(std::make_shared<const LocalApiOptions>(std::move(options))) {}

  [[nodiscard]] const LocalApiOptions& options() const noexcept { return *options_; }
  [[nodiscard]] uv_loop_t* loop() const noexcept { return loop_; }

  // `done` comes once, from the loop, never within this call. Any status is an answer, except 403: the
  // server will not talk to us, and says the same to everybody.
  LocalCall send(const LocalRequest& request, Done done) const;

  // A GET that goes on: `line` for each line of the body, without its end. `ended` comes once, whatever ended
  // it; coming back is the caller's.
  // A line longer than LocalApiOptions::line_bytes comes as an empty one: something was said. `begun` comes
  // when the server has agreed, before any line.
  LocalCall watch(std::string path, Line line, Ended ended, Begun begun = {}) const;

 private:
  uv_loop_t* loop_;
  std::shared_ptr<const LocalApiOptions> options_;
};

}  // namespace evenkeel::local
