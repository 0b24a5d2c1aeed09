#include "admin/service_connection.hpp"

#include <ctime>
#include <new>
#include <utility>

#include "http/own_response.hpp"
#include "http/request_head.hpp"

namespace evenkeel::admin {
namespace {

constexpr std::size_t head_bytes = 16'384;
constexpr http::HeadLimits head_limits{};

std::string render(const ServiceResponse& response, bool keep_alive, bool to_head) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  text.append(http::reason_phrase(response.status)).append("\r\n");
  if (!response.type.empty()) text.append("Content-Type: ").append(response.type).append("\r\n");
  text.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  text.append("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
  for (const auto& [name, value] : response.fields)
    text.append(name).append(": ").append(value).append("\r\n");
  text.append(keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
  if (!to_head) text.append(response.body);
  return text;
}

}  // namespace

void ServiceConnection::accept(ServiceCore& core, net::Accepted accepted, bool local) noexcept {
  if (core.open_by(local) >= core.options.connections) return;  // the socket closes
  auto* client = new (std::nothrow) ServiceConnection(core, local);
  if (client != nullptr && !client->open(std::move(accepted.fd))) client->end();
}

ServiceConnection::ServiceConnection(ServiceCore& core, bool local) noexcept
    : net::Connection(core.reactor),
      core_(core),
      timeout_([](void* self) { static_cast<ServiceConnection*>(self)->end(); }, this),
      in_(core.reactor.blocks()),
      local_(local) {
  core_.connections.push_back(*this);
  ++core_.open_by(local_);
  reactor_.timeouts().set(timeout_, core_.options.idle);
}

void ServiceConnection::end() noexcept {
  if (std::exchange(ended_, true)) return;
  if (alive_) *alive_ = nullptr;
  timeout_.cancel();
  in_.clear();
  base::ListNode<ServiceConnection>::unlink();
  close();
  --core_.open_by(local_);
  reactor_.bury(*this);
}

void ServiceConnection::on_readable() noexcept {
  const std::span<char> buffer = reactor_.read_buffer();
  const Result<std::size_t> count = read(buffer);
  if (!count) {
    if (!net::would_block(count.error().os_error)) end();
    return;
  }
  // Whoever says no more wants no answer either, or has it.
  if (*count == 0) return end();
  if (phase_ == Phase::closing) return;
  if (in_.empty() && phase_ == Phase::head) reactor_.timeouts().set(timeout_, core_.options.request);
  if (!in_.append({buffer.data(), *count})) return end();
  advance();
}

void ServiceConnection::advance() noexcept {
  // An answer that is there at once comes back here: the loop below goes on, or a client's pipeline would be
  // recursion.
  if (std::exchange(advancing_, true)) return;
  try {
    while (!ended_ && (phase_ == Phase::head ? take_head() : phase_ == Phase::body && take_body())) {
    }
  } catch (const std::bad_alloc&) {
    end();
  }
  advancing_ = false;
}

bool ServiceConnection::take_head() {
  if (in_.empty()) return false;
  const http::HeadScanner::State state = scanner_.scan(in_.view());
  if (state == http::HeadScanner::State::bad) return refuse(400), false;
  if (state == http::HeadScanner::State::incomplete) {
    if (in_.size() > head_bytes) refuse(431);
    return false;
  }
  const auto fields = std::make_unique<http::FieldList>();
  http::RequestHead head;
  const int status =
      http::read_request_head(in_.view().substr(0, scanner_.length()), head_limits, *fields, head);
  if (status != 0) return refuse(status), false;
  if (head.content_length > core_.options.body_bytes) return refuse(413), false;
  request_ = {};
  request_.method = head.method;
  const std::size_t question = head.path.find('?');
  request_.path = head.path.substr(0, question);
  if (question != std::string_view::npos) request_.query = head.path.substr(question + 1);
  for (const http::Field& field : fields->all()) request_.fields.emplace_back(field.name, field.value);
  request_.local = local_;
  keep_alive_ = head.keep_alive && !head.asks_upgrade;
  is_head_ = head.is_head;
  body_ = http::BodyReader(head.framing, head.content_length, {});
  if (head.expects_continue && !write("HTTP/1.1 100 Continue\r\n\r\n")) return end(), false;
  in_.consume(scanner_.length());
  scanner_.reset();
  phase_ = Phase::body;
  return true;
}

bool ServiceConnection::take_body() {
  if (!body_.done()) {
    const http::BodyReader::Piece piece = body_.take(in_.bytes());
    if (piece.bad) return refuse(400), false;
    if (request_.body.size() + piece.data.size() > core_.options.body_bytes) return refuse(413), false;
    request_.body.append(piece.data);
    in_.consume(piece.consumed);
    if (!body_.done()) return false;
  }
  ask();
  return phase_ == Phase::head && unsent() == 0;
}

void ServiceConnection::ask() {
  phase_ = Phase::handler;
  timeout_.cancel();
  pause_reads();
  alive_ = std::make_shared<ServiceConnection*>(this);
  asking_ = true;
  core_.handler(std::move(request_), [alive = alive_](const ServiceResponse& response) {
    ServiceConnection* client = std::exchange(*alive, nullptr);
    if (client == nullptr) return;
    const bool is_within_event = client->asking_;
    net::Reactor& reactor = client->reactor_;
    client->respond(response);
    // Frames of a client that has ended are below, within an event: whoever began that ends it.
    if (!is_within_event) reactor.end_event();
  });
  asking_ = false;
}

void ServiceConnection::respond(const ServiceResponse& response) noexcept {
  try {
    if (!write(render(response, keep_alive_, is_head_))) return end();
  } catch (const std::bad_alloc&) {
    return end();
  }
  // Nobody is waited for who does not read the answer.
  reactor_.timeouts().set(timeout_, core_.options.request);
  phase_ = keep_alive_ ? Phase::head : Phase::closing;
  if (unsent() == 0) after_response();
}

// After what cannot be trusted to be a request, nothing can.
void ServiceConnection::refuse(int status) noexcept {
  keep_alive_ = false;
  const std::string text = http::render({.status = status,
                                         .detail = {},
                                         .location = {},
                                         .as_json = true,
                                         .keep_alive = false,
                                         .now = std::time(nullptr)});
  if (text.empty() || !write(text)) return end();
  phase_ = Phase::closing;
  reactor_.timeouts().set(timeout_, core_.options.request);
  if (unsent() == 0) after_response();
}

void ServiceConnection::on_drained() noexcept {
  if (phase_ == Phase::head || phase_ == Phase::closing) after_response();
}

void ServiceConnection::after_response() noexcept {
  if (phase_ == Phase::closing) {
    // Closing with something unread would reset the connection, and the answer with it.
    shut_write();
    return resume_reads();
  }
  reactor_.timeouts().set(timeout_, in_.empty() ? core_.options.idle : core_.options.request);
  resume_reads();
  advance();
}

}  // namespace evenkeel::admin
