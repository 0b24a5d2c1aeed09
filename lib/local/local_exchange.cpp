#include "local/local_exchange.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <new>
#include <sys/socket.h>
#include <utility>

#include "http/response_head.hpp"
#include "net/socket.hpp"

namespace evenkeel::local {
namespace {

// What would end the request line or a field before its time.
bool is_plain(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

std::string message(const LocalRequest& request, const std::string& host) {
  std::string text;
  // No Origin and no Referer: tailscaled takes them for a browser's, and answers 403.
  text.append(request.method).append(" ").append(request.path).append(" HTTP/1.1\r\n");
  text.append("Host: ").append(host).append("\r\nUser-Agent: evenkeel\r\nConnection: close\r\n");
  if (!request.if_match.empty()) text.append("If-Match: ").append(request.if_match).append("\r\n");
  if (request.method != "GET") {
    text.append("Content-Type: application/json\r\nContent-Length: ");
    text.append(std::to_string(request.body.size())).append("\r\n");
  }
  return text.append("\r\n").append(request.body);
}

LocalApiError connect_failure(Error error, const LocalApiOptions& server) {
  const std::string& path = server.socket_path;
  std::string text;
  switch (error.os_error) {
    case ENOENT:
    case ENOTDIR:
    case ENOTSOCK:
    case ECONNREFUSED:  // the socket of one that has gone
      text = server.who + ' ' + server.when_absent + ": " + path;
      break;
    case EACCES:
    case EPERM:
      error.code = ErrorCode::permission_denied;
      error.fault = Fault::us;
      text = "no permission to open the socket of " + server.who + ", " + path + ": " + server.when_forbidden;
      break;
    case EAGAIN:
      text = server.who + " is busy: no room in the queue of its socket " + path;
      break;
    default:
      text = "cannot connect to " + server.who + " at " + path + ": " + describe(error);
  }
  return {error, std::move(text)};
}

std::optional<std::chrono::seconds> seconds_in(std::string_view value) noexcept {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

void LocalExchange::start(const LocalRequest& request) {
  // Without its query: that names clients.
  what_ = request.method + " " + request.path.substr(0, request.path.find('?'));
  timer_ = net::make_handle<uv_timer_t>(uv_timer_init, loop_);
  timer_->data = this;
  if (!request.path.starts_with('/') || !is_plain(request.path) || !is_plain(request.method) ||
      !std::ranges::all_of(request.if_match, [](char c) { return c >= ' ' && c != 0x7f; })) {
    return fail_later({{ErrorCode::invalid_argument, Fault::us, false, 0}, "not a request: " + what_});
  }
  unsent_ = message(request, options_->host);
  connect(request);
}

void LocalExchange::connect(const LocalRequest& request) {
  const Result<net::SocketAddress> address = net::unix_address(options_->socket_path);
  if (!address) {
    return fail_later({address.error(), "the name of the socket of " + options_->who +
                                            " is empty or too long: " + options_->socket_path});
  }
  Result<net::Connecting> connecting = net::connect_stream(*address);
  if (!connecting) return fail_later(connect_failure(connecting.error(), *options_));
  fd_ = std::move(connecting->fd);
  connected_ = connecting->done;
  poll_ = net::make_handle<uv_poll_t>(uv_poll_init, loop_, fd_.get());
  if (!poll_) return fail_later({{ErrorCode::system, Fault::us, true, 0}, "the loop takes no more sockets"});
  poll_->data = this;
  start_timer(request.timeout.value_or(options_->timeout));
  wait_for(UV_WRITABLE);
}

void LocalExchange::start_timer(std::chrono::milliseconds after) {
  // libuv counts from the turn's begin, which may be long ago when a callback was slow.
  uv_update_time(loop_);
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<LocalExchange*>(timer->data)->guard(&LocalExchange::on_timer);
      },
      static_cast<std::uint64_t>(after.count()), 0);
}

void LocalExchange::wait_for(int uv_events) {
  uv_poll_start(poll_.get(), uv_events, [](uv_poll_t* handle, int /*status*/, int /*events*/) {
    // An error shows in the system call that follows, with its reason.
    if (handle->data != nullptr) static_cast<LocalExchange*>(handle->data)->guard(&LocalExchange::on_poll);
  });
}

// Nothing may be thrown through libuv.
void LocalExchange::guard(void (LocalExchange::*step)()) noexcept {
  const std::shared_ptr<LocalExchange> self = shared_from_this();
  try {
    (this->*step)();
  } catch (const std::bad_alloc&) {
    finish(std::unexpected(LocalApiError{{ErrorCode::system, Fault::us, false, ENOMEM}, {}}));
  }
}

void LocalExchange::fail_later(LocalApiError error) {
  failure_ = std::move(error);
  start_timer(std::chrono::milliseconds(0));
}

void LocalExchange::on_timer() {
  if (failure_) return finish(std::unexpected(*std::move(failure_)));
  fail(ErrorCode::response_timeout, options_->who + " did not answer " + what_ + " in time");
}

void LocalExchange::on_poll() {
  if (!connected_) {
    const Result<void> result = net::connect_result(fd_.get());
    if (!result) return finish(std::unexpected(connect_failure(result.error(), *options_)));
    connected_ = true;
  }
  unsent_.empty() ? read() : write();
}

void LocalExchange::write() {
  const ssize_t sent = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && !net::would_block(errno) && errno != EINTR) {
    // It may have answered before it hung up: 403 to a long body.
    unsent_.clear();
  } else if (sent > 0) {
    unsent_.erase(0, static_cast<std::size_t>(sent));
  }
  wait_for(unsent_.empty() ? UV_READABLE : UV_WRITABLE);
}

void LocalExchange::read() {
  std::array<char, read_bytes> bytes;
  const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) {
    if (net::would_block(errno) || errno == EINTR) return;
    return fail(ErrorCode::connection_reset, options_->who + " hung up during " + what_);
  }
  // A callback may drop the call, which is all that holds this.
  const std::shared_ptr<LocalExchange> self = shared_from_this();
  if (got == 0) return on_end();
  take(std::span(bytes.data(), static_cast<std::size_t>(got)));
}

void LocalExchange::take(std::span<char> bytes) {
  if (in_body_) return take_body(bytes);
  head_bytes_ += bytes.size();
  take_head({bytes.data(), bytes.size()});
}

bool LocalExchange::take_head(std::string_view bytes) {
  head_.append(bytes);
  for (;;) {
    const http::HeadScanner::State state = scanner_.scan(head_);
    if (state == http::HeadScanner::State::incomplete) {
      if (head_bytes_ <= options_->head_bytes) return true;
      fail(ErrorCode::over_limit, "the answer of " + options_->who + " to " + what_ + " has too long a head");
      return false;
    }
    const auto fields = std::make_unique<http::FieldList>();
    http::ResponseHead head;
    const std::string_view lines = std::string_view(head_).substr(0, scanner_.length());
    if (state == http::HeadScanner::State::bad ||
        !http::read_response_head(lines, {.max_fields = http::FieldList::capacity}, *fields, head)) {
      fail(ErrorCode::bad_response, "what answers at " + options_->socket_path + " does not speak HTTP");
      return false;
    }
    if (!head.is_interim()) {
      response_.status = head.status;
      for (const http::Field& field : fields->all()) {
        if (http::equals_ignoring_case(field.name, "etag")) response_.etag = field.value;
        if (http::equals_ignoring_case(field.name, "retry-after")) {
          response_.retry_after = seconds_in(field.value);
        }
      }
      body_ = http::BodyReader(head.framing, head.content_length, {});
      begin_body();
      return true;
    }
    head_.erase(0, scanner_.length());
    scanner_.reset();
  }
}

void LocalExchange::begin_body() {
  in_body_ = true;
  if (streams()) {
    uv_timer_stop(timer_.get());  // it may be silent for days
    if (begun_) begun_();
    if (over_) return;
  }
  std::string behind = head_.substr(scanner_.length());
  head_.clear();
  take_body(behind);
}

void LocalExchange::take_body(std::span<char> bytes) {
  const http::BodyReader::Piece piece = body_.take(bytes);
  if (piece.bad)
    return fail(ErrorCode::bad_response, "the answer of " + options_->who + " to " + what_ + " is garbled");
  if (streams()) {
    take_lines(piece.data);
    if (over_) return;
  } else {
    if (response_.body.size() + piece.data.size() > options_->response_bytes) {
      return fail(ErrorCode::over_limit, "the answer of " + options_->who + " to " + what_ + " is too long");
    }
    response_.body.append(piece.data);
  }
  if (body_.done()) on_end();
}

void LocalExchange::take_lines(std::string_view data) {
  while (!data.empty()) {
    const std::size_t end = data.find('\n');
    part_.append(data.substr(0, end));
    skips_line_ = skips_line_ || part_.size() > options_->line_bytes;
    if (skips_line_) part_.clear();
    if (end == std::string_view::npos) return;
    data.remove_prefix(end + 1);
    const std::string line = std::exchange(part_, {});
    const bool too_long = std::exchange(skips_line_, false);
    if (too_long || !line.empty()) line_(line);
    if (over_) return;
  }
}

void LocalExchange::on_end() {
  if (!in_body_ || !(body_.done() || body_.end_of_stream())) {
    return fail(ErrorCode::connection_closed, options_->who + " hung up during " + what_);
  }
  if (response_.status == 403 || (is_watch() && response_.status != 200)) {
    return finish(std::unexpected(unexpected_status(*options_, what_, response_)));
  }
  if (is_watch()) return fail(ErrorCode::connection_closed, options_->who + " ended " + what_);
  finish(std::move(response_));
}

void LocalExchange::fail(ErrorCode code, std::string text) {
  const bool ours = code == ErrorCode::over_limit;
  finish(std::unexpected(LocalApiError{{code, ours ? Fault::us : Fault::target, false, 0}, std::move(text)}));
}

void LocalExchange::close() noexcept {
  over_ = true;
  poll_.reset();
  timer_.reset();
  fd_.reset();
}

void LocalExchange::finish(LocalResult<LocalResponse> result) {
  if (over_) return;
  const std::shared_ptr<LocalExchange> self = shared_from_this();
  close();
  // What they hold goes when they have run, not when the call is dropped, which may be long after.
  const LocalApi::Done done = std::exchange(done_, nullptr);
  const LocalApi::Ended ended = std::exchange(ended_, nullptr);
  if (ended) return ended(std::move(result).error());  // a watch has no other end
  done(std::move(result));
}

// The callbacks stay: one of them may be running.
void LocalExchange::cancel() noexcept {
  close();
}

}  // namespace evenkeel::local
