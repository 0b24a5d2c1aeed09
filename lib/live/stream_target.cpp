#include "live/stream_target.hpp"

#include <utility>

#include <fmt/format.h>

#include "http/head_scanner.hpp"

namespace evenkeel::live {

StreamTarget::StreamTarget(const Setting& setting)
    : LiveTarget(setting), is_http_(setting.port.protocol == Protocol::http) {
  follow(setting.port);
}

void StreamTarget::follow(const PortSpec& port) {
  knows_checks_ = port.health.type == CheckType::http;
  // One that ends a response: before 200 they are interim.
  expected_status_ = 200;
  for (const StatusRange& range : port.health.expect) {
    if (range.last < 200) continue;
    expected_status_ = std::max<int>(range.first, 200);
    break;
  }
  expected_reply_ = port.health.receive;
}

Result<void> StreamTarget::listen() {
  const auto fail = [](int code) {
    return std::unexpected(Error{ErrorCode::system, Fault::us, false, -code});
  };
  listener_ = net::make_handle<uv_tcp_t>(uv_tcp_init, loop_);
  if (!listener_) return fail(0);
  listener_->data = this;
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", port_, &address);
  int failed = uv_tcp_bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), 0);
  constexpr int backlog = 1'024;
  if (failed == 0) {
    failed = uv_listen(reinterpret_cast<uv_stream_t*>(listener_.get()), backlog,
                       [](uv_stream_t* listener, int status) {
                         if (status == 0 && listener->data != nullptr)
                           static_cast<StreamTarget*>(listener->data)->accept();
                       });
  }
  int length = sizeof address;
  if (failed == 0)
    failed = uv_tcp_getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  if (failed != 0) return fail(failed);
  port_ = ntohs(address.sin_port);
  return {};
}

void StreamTarget::accept() {
  auto connection = std::make_unique<Connection>(loop_);
  Stream& stream = connection->stream;
  if (stream.handle() == nullptr) return;
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener_.get()),
                reinterpret_cast<uv_stream_t*>(stream.handle())) != 0)
    return;
  const AskerId id = next_connection_++;
  if (!stream.start({[this, id] { read(id); }, [this, id] { connections_.erase(id); }})) return;
  connections_.emplace(id, std::move(connection));
}

// The proxy sends the next request only when the last one was answered; a GET has no body.
void StreamTarget::read(AskerId id) {
  if (!is_http_) return read_line(id);
  Stream& stream = connections_.at(id)->stream;
  http::HeadScanner scanner;
  const auto state = scanner.scan(stream.received());
  if (state == http::HeadScanner::State::bad) return cut(id);
  if (state == http::HeadScanner::State::incomplete) return;
  // Whatever its method is.
  const std::string_view line = stream.received().substr(0, stream.received().find('\n'));
  const bool is_check = knows_checks_ && line.contains(fmt::format(" {} ", check_path));
  stream.consume(scanner.length());
  if (is_check) return answer_check(stream);
  work(id);
}

void StreamTarget::read_line(AskerId id) {
  Stream& stream = connections_.at(id)->stream;
  const std::size_t end = stream.received().find('\n');
  const bool is_request = stream.received().starts_with('?');
  if (is_request && end == std::string_view::npos) return;
  stream.consume(is_request ? end + 1 : stream.received().size());
  if (is_request) return work(id);
  if (check() == sim::Server::Check::pass && !expected_reply_.empty()) stream.write(expected_reply_);
}

void StreamTarget::answer_check(Stream& stream) {
  switch (check()) {
    case sim::Server::Check::pass:
      return stream.write(fmt::format("HTTP/1.1 {} Check\r\n{}\r\n", expected_status_,
                                      expected_status_ == 204 ? "" : "Content-Length: 0\r\n"));
    case sim::Server::Check::fail:
      return stream.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    case sim::Server::Check::silence:
      return;
  }
}

void StreamTarget::answer(AskerId asker, bool is_error) {
  const auto found = connections_.find(asker);
  if (found == connections_.end()) return;
  Stream& stream = found->second->stream;
  if (!is_http_) return stream.write(fmt::format("{}{}\n", is_error ? "!" : "", index_));
  stream.write(fmt::format("HTTP/1.1 {}\r\nContent-Length: 2\r\nX-Target: {}\r\n\r\nok",
                           is_error ? "503 Service Unavailable" : "200 OK", index_));
}

void StreamTarget::cut(AskerId asker) {
  const auto found = connections_.find(asker);
  if (found == connections_.end()) return;
  found->second->stream.reset();
  connections_.erase(found);
}

void StreamTarget::close() {
  listener_.reset();
  while (!connections_.empty()) cut(connections_.begin()->first);
}

}  // namespace evenkeel::live
