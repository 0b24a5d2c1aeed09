#include "live/http_clients.hpp"

#include <utility>

#include <fmt/format.h>

#include "http/head_scanner.hpp"
#include "http/response_head.hpp"

namespace evenkeel::live {

void HttpClients::send(const std::string& from, const std::string& cookie, Done done) {
  const std::string request =
      fmt::format("GET / HTTP/1.1\r\nHost: scenario\r\n{}{}{}\r\n", cookie.empty() ? "" : "Cookie: ", cookie,
                  cookie.empty() ? "" : "\r\n");
  std::vector<std::uint64_t>& idle = idle_[from];
  if (!idle.empty()) {
    Connection& connection = *connections_.at(idle.back());
    idle.pop_back();
    connection.request = request;
    connection.done = std::move(done);
    return ask(connection);
  }
  const std::uint64_t id = next_++;
  auto made = std::make_unique<Connection>(loop_);
  Connection& connection = *made;
  connection.from = from;
  connection.request = request;
  connection.done = std::move(done);
  connections_.emplace(id, std::move(made));
  const bool begun =
      connection.stream.handle() != nullptr &&
      connection.stream.connect(port_, from, [this, &connection] { ask(connection); },
                                {[this, id] { read(id); }, [this, id] { end(id, {}, false); }});
  if (!begun) end(id, {}, false);
}

void HttpClients::ask(Connection& connection) {
  connection.stream.write(connection.request);
}

void HttpClients::read(std::uint64_t id) {
  Stream& stream = connections_.at(id)->stream;
  http::HeadScanner scanner;
  const auto state = scanner.scan(stream.received());
  if (state == http::HeadScanner::State::incomplete) return;
  http::ResponseHead head;
  if (state == http::HeadScanner::State::bad ||
      !http::read_response_head(stream.received().substr(0, scanner.length()), {}, fields_, head))
    return end(id, {}, false);
  const std::size_t length = scanner.length() + head.content_length;
  if (stream.received().size() < length) return;
  LiveAnswer answer{.is_good = head.status == 200, .target = {}, .cookie = {}};
  for (const http::Field& field : fields_.all()) {
    if (field.name == "X-Target") answer.target = field.value;
    if (field.name == "Set-Cookie") answer.cookie = field.value.substr(0, field.value.find(';'));
  }
  const bool keep = head.keep_alive;
  stream.consume(length);
  end(id, answer, keep);
}

void HttpClients::end(std::uint64_t id, const LiveAnswer& answer, bool keep) {
  const auto found = connections_.find(id);
  const Done done = std::exchange(found->second->done, nullptr);
  if (keep) {
    idle_[found->second->from].push_back(id);
  } else {
    std::erase(idle_[found->second->from], id);
    connections_.erase(found);
  }
  if (done) done(answer);
}

}  // namespace evenkeel::live
