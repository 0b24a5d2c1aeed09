#include "proxy/messages.hpp"

#include <algorithm>
#include <memory>

#include "http/body_reader.hpp"
#include "http/field.hpp"
#include "http/head_scanner.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"

namespace evenkeel::test {
namespace {

constexpr http::ChunkLimits chunk_limits{.line_bytes = 1'024, .trailer_bytes = 65'536};

http::FieldList& field_list() {
  static const auto fields = std::make_unique<http::FieldList>();
  return *fields;
}

// Takes the next head off the front; empty when there is no whole one.
std::string_view take_head(Messages& messages) {
  http::HeadScanner scanner;
  const http::HeadScanner::State state = scanner.scan(messages.rest);
  messages.bad = state == http::HeadScanner::State::bad;
  if (state != http::HeadScanner::State::complete) return {};
  const std::string_view head = messages.rest.substr(0, scanner.length());
  messages.rest.remove_prefix(head.size());
  return head;
}

void take_body(Messages& messages, Message& message, std::uint64_t length, bool ended) {
  http::BodyReader reader(message.framing, length, chunk_limits);
  std::string copy(messages.rest);  // chunks are decoded in place
  if (!reader.done()) {
    const http::BodyReader::Piece piece = reader.take(copy);
    messages.bad = piece.bad;
    message.body = piece.data;
    messages.rest.remove_prefix(piece.consumed);
  }
  if (ended && messages.rest.empty()) reader.end_of_stream();
  message.whole = reader.done() && !messages.bad;
}

}  // namespace

std::size_t Messages::whole() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(list, &Message::whole));
}

Messages read_requests(std::string_view bytes, bool switched) {
  Messages messages;
  messages.rest = bytes;
  while (!messages.rest.empty()) {
    const std::string_view text = take_head(messages);
    if (text.empty()) break;
    http::RequestHead head;
    // More fields than a client may send: the proxy adds some of its own.
    messages.bad =
        http::read_request_head(text, {http::FieldList::capacity, 1U << 20}, field_list(), head) != 0;
    if (messages.bad) break;
    Message& message = messages.list.emplace_back();
    message.head = text;
    message.framing = head.framing;
    message.is_head = head.is_head;
    message.upgrade = !head.upgrade.empty();
    take_body(messages, message, head.content_length, false);
    if (!message.whole || (message.upgrade && switched)) break;
  }
  return messages;
}

Messages read_responses(std::string_view bytes, const std::function<bool(std::size_t)>& is_head, bool ended) {
  Messages messages;
  messages.rest = bytes;
  std::size_t finals = 0;
  while (!messages.rest.empty()) {
    const std::string_view text = take_head(messages);
    if (text.empty()) break;
    http::ResponseHead head;
    const http::ResponseContext context{is_head(finals), "websocket", http::FieldList::capacity};
    messages.bad = !http::read_response_head(text, context, field_list(), head);
    if (messages.bad) break;
    Message& message = messages.list.emplace_back();
    message.head = text;
    message.status = head.status;
    message.framing = head.framing;
    message.is_head = context.to_head;
    if (head.status == 101) {
      message.whole = message.upgrade = true;
      break;
    }
    finals += head.is_interim() ? 0 : 1;
    take_body(messages, message, head.content_length, ended);
    if (!message.whole) break;
  }
  return messages;
}

std::string describe(const Messages& messages) {
  std::string text;
  for (const Message& message : messages.list) {
    std::string head = message.head;
    constexpr std::string_view field = "\r\nDate: ";
    if (const std::size_t date = head.find(field); date != std::string::npos) {
      const std::size_t begin = date + field.size();
      head.replace(begin, head.find("\r\n", begin) - begin, "-");
    }
    text += head + message.body + (message.whole ? "\n[whole]\n" : "\n[cut]\n");
  }
  return text + std::string(messages.rest) + (messages.bad ? "\n[bad]\n" : "\n[end]\n");
}

}  // namespace evenkeel::test
