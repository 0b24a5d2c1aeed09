#include "proxy/client_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "proxy/access_log.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {

bool ClientConnection::accept(HttpCore& core, net::Accepted accepted, ClientGuard::Seat seat) noexcept {
  auto* client = new (std::nothrow) ClientConnection(core, accepted.peer, std::move(seat));
  if (client == nullptr) return false;  // memory is out: the socket closes
  client->from_internet_ = accepted.from_internet;
  if (!client->open(std::move(accepted.fd))) {
    client->end();
  } else if (core.proxy_peers.empty()) {
    client->begin();
  } else {
    client->phase_ = Phase::header;
    client->reactor_.timeouts().set(client->timeout_, core.options.timeouts.proxy_header);
  }
  return true;
}

// Who the client is is known: what follows is HTTP or TLS.
void ClientConnection::begin() noexcept {
  const HttpTimeouts& timeouts = core_.options.timeouts;
  phase_ = core_.tls_acceptor ? Phase::handshake : Phase::idle;
  wait(core_.tls_acceptor ? timeouts.handshake : timeouts.idle);
  if (core_.tls_acceptor && !secure(core_.tls_acceptor->accept())) end();
}

ClientConnection::ClientConnection(HttpCore& core, const net::SocketAddress& peer,
                                   ClientGuard::Seat seat) noexcept
    : Connection(core.reactor),
      core_(core),
      seat_(std::move(seat)),
      timeout_([](void* self) { static_cast<ClientConnection*>(self)->on_timeout(); }, this),
      in_(core.reactor.blocks()) {
  set_client(peer);
  core_.client_opened(*this);
}

void ClientConnection::set_client(const net::SocketAddress& client) noexcept {
  const net::PeerIp ip = net::PeerIp::of(client);
  ip_length_ = static_cast<std::uint8_t>(net::ip_text(ip, ip_).size());
  port_ = ip.port;
}

ClientConnection::~ClientConnection() = default;

bool ClientConnection::must_close() const noexcept {
  const std::uint32_t limit = core_.options.limits.requests_per_connection;
  return core_.draining || core_.retiring || (limit != 0 && served_ >= limit);
}

void ClientConnection::end() noexcept {
  if (std::exchange(ended_, true)) return;
  if (Exchange* exchange = std::exchange(exchange_, nullptr)) exchange->on_client_gone();
  timeout_.cancel();
  asking_who_.reset();
  net::Task::unlink();
  base::ListNode<ClientConnection>::unlink();
  in_.clear();
  seat_.leave();
  close();
  reactor_.bury(*this);
  core_.client_closed();
}

void ClientConnection::cut() noexcept {
  if (ended_) return;
  abort();
  end();
}

void ClientConnection::stop() noexcept {
  if (exchange_ != nullptr || unsent() != 0) return cut();
  end();
}

// For its first request or its next.
void ClientConnection::wait(std::chrono::milliseconds patience) noexcept {
  if (core_.draining) patience = std::min(patience, first_request_when_draining);
  reactor_.timeouts().set(timeout_, patience);
}

// Whoever has had an answer knows that its connection may end between two. Who has had none has just come: to
// it, no answer would be a failure.
void ClientConnection::drain() noexcept {
  const bool waits = phase_ == Phase::header || phase_ == Phase::handshake || phase_ == Phase::idle;
  if (!waits || !in_.empty() || unsent() != 0) return;
  served_ == 0 ? wait(first_request_when_draining) : end();
}

void ClientConnection::cut_off(TargetKey target) noexcept {
  if (exchange_ != nullptr) exchange_->cut_off(target);
}

void ClientConnection::keep_early(std::span<const char> bytes) noexcept {
  if (bytes.empty()) return;
  if (!in_.append({bytes.data(), bytes.size()})) end();
}

// --- events ---

void ClientConnection::on_secured() noexcept {
  ++core_.stats.tls_handshakes;
  if (tls().is_resumed()) ++core_.stats.tls_resumed;
  phase_ = Phase::idle;
  wait(core_.options.timeouts.idle);
}

void ClientConnection::on_insecure() noexcept {
  ++core_.stats.tls_failures;
  if (tls().is_plain_http()) return answer_plain_http();
  // Who only knocked and left has said nothing worth a line.
  const Error error = tls().error();
  if (error.code == ErrorCode::tls_handshake_failed) log_failed_handshake(core_, *this, error);
  end();
}

void ClientConnection::on_readable() noexcept {
  if (phase_ == Phase::header) return read_proxy_header();
  const bool between = phase_ == Phase::idle || phase_ == Phase::head;
  // What a client says that nobody knows yet waits in the kernel.
  if (between && identified_until_ms_ == 0 && !knows_who()) return;
  const bool for_exchange = exchange_ != nullptr && exchange_->wants_client_bytes();
  if (for_exchange && !exchange_->can_take_client_bytes()) return pause_reads();
  const std::span<char> buffer = reactor_.read_buffer();
  const Result<std::size_t> count = read(buffer);
  if (!count) {
    if (count.error().os_error != EAGAIN) on_failed();
    return;
  }
  if (*count == 0) return on_stream_end();
  std::span<char> bytes = buffer.first(*count);
  if (phase_ == Phase::lingering || phase_ == Phase::closing) return discard(bytes.size());
  if (for_exchange) {
    bytes = bytes.subspan(exchange_->on_client_bytes(bytes));
    if (ended_ || phase_ == Phase::lingering || phase_ == Phase::closing) return;
  }
  on_bytes(bytes);
}

// Bytes that belong to no body: heads, whole or not.
void ClientConnection::on_bytes(std::span<char> bytes) noexcept {
  // While an exchange is under way, or a partial head waits, they go behind what is kept.
  while (in_.empty() && !bytes.empty()) {
    const std::size_t used = take_request(bytes);
    if (ended_) return;
    bytes = bytes.subspan(used);
    if (used == 0) break;
  }
  const bool partial_head = exchange_ == nullptr && !in_.empty();
  keep_early(bytes);
  if (ended_) return;
  if (partial_head) return take_kept_requests();
  // One read more than a head is kept at most; the rest waits in the kernel and so, in the end, in the
  // client.
  if (!in_.empty() && (exchange_ != nullptr || unsent() != 0 || asking_who_)) pause_reads();
}

void ClientConnection::run() noexcept {
  take_kept_requests();
}

void ClientConnection::take_kept_requests() noexcept {
  while (exchange_ == nullptr && !in_.empty()) {
    // Taken out for the while: an exchange may keep more early bytes.
    base::Buffer kept = std::move(in_);
    const std::size_t used = take_request(kept.bytes());
    if (ended_) return;
    kept.consume(used);
    if (in_.empty()) {
      in_ = std::move(kept);
    } else {
      keep_early(kept.bytes());
    }
    if (used == 0 || ended_) return;
  }
  if (!in_.empty()) return pause_reads();
  const bool between = phase_ == Phase::idle && unsent() == 0;
  if ((exchange_ != nullptr || between) && !half_closed_) resume_reads();
}

std::size_t ClientConnection::take_request(std::span<char> bytes) noexcept {
  if (exchange_ != nullptr || (phase_ != Phase::idle && phase_ != Phase::head)) return 0;
  // A slow reader of the last response gets no further one until it has read that.
  if (unsent() != 0) return 0;
  // Also of requests that came with others: who has been removed must not get on by never pausing.
  if (!knows_who()) return 0;
  const std::string_view text(bytes.data(), bytes.size());
  // RFC 9112 section 2.2: one empty line before a request is forgiven.
  if (scanner_.length() == 0 && text.starts_with("\r\n")) {
    if (empty_line_seen_) return refuse(400), 0;
    empty_line_seen_ = true;
    // Its first half may have passed for the start of a head.
    if (phase_ == Phase::head) wait_for_request();
    return 2;
  }
  const std::uint32_t limit = core_.options.limits.head_bytes;
  const http::HeadScanner::State state = scanner_.scan(text);
  if (state == http::HeadScanner::State::bad) return refuse(400), 0;
  if (state == http::HeadScanner::State::incomplete) {
    if (text.size() > limit) return refuse(431), 0;
    wait_for_head();
    return 0;
  }
  const std::size_t length = scanner_.length();
  scanner_.reset();
  empty_line_seen_ = false;
  if (length > limit) return refuse(431), 0;
  return start_exchange(bytes.first(length), bytes.subspan(length));
}

void ClientConnection::wait_for_head() noexcept {
  if (half_closed_) return give_up_head();
  resume_reads();
  if (phase_ == Phase::head) return;
  phase_ = Phase::head;
  // Absolute, from the first byte: a client that sends a byte at a time does not move it.
  reactor_.timeouts().set(timeout_, core_.options.timeouts.head);
}

}  // namespace evenkeel::proxy
