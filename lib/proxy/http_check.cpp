#include "proxy/http_check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <sys/socket.h>

#include "http/response_head.hpp"

namespace evenkeel::proxy {
std::string HttpCheck::request() const {
  std::string text;
  text.append(options().method).append(" ").append(options().path).append(" HTTP/1.1\r\nHost: ");
  text.append(options().host.empty() ? target().authority() : options().host);
  // No User-Agent version: the library's is not the host program's business to tell its targets.
  text.append("\r\nUser-Agent: evenkeel-health\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  return text;
}

void HttpCheck::on_connected() {
  tls_.reset();
  unsent_.clear();
  if (target().scheme == Scheme::https) {
    tls_ = net::TlsStream::make(connector_.connect(net::TlsPeer::of(target()), session_), *this);
    return tls_ ? shake_hands() : fail("tls_handshake_failed");
  }
  unsent_ = request();
  send();
}

void HttpCheck::on_ready() {
  if (!unsent_.empty()) return send();
  if (tls_ && !tls_->is_established()) return shake_hands();
  receive();
}

void HttpCheck::shake_hands() {
  const net::TlsStream::Step step = tls_->handshake();
  if (step == net::TlsStream::Step::failed) return fail("tls: " + tls_->reason());
  if (step == net::TlsStream::Step::done) {
    std::string text = request();
    std::array<char, 1'024> scratch;
    const iovec slice{text.data(), text.size()};
    if (!tls_->write(std::span(&slice, 1), scratch)) return fail("tls: " + tls_->reason());
  }
  send();
}

void HttpCheck::send() {
  const ssize_t sent = ::send(descriptor(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && !must_wait()) return fail("connection_reset");
  if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
  wait_for(unsent_.empty() ? UV_READABLE : UV_WRITABLE);
}

Result<std::size_t> HttpCheck::pull(std::span<char> into) noexcept {
  const ssize_t got = ::recv(descriptor(), into.data(), into.size(), 0);
  if (got < 0) return std::unexpected(net::io_error(errno == EINTR ? EAGAIN : errno, Fault::target));
  return static_cast<std::size_t>(got);
}

bool HttpCheck::push(std::string_view bytes) noexcept {
  try {
    unsent_ += bytes;
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void HttpCheck::receive() {
  std::array<char, 4'096> bytes;
  do {
    const Result<std::size_t> got = tls_ ? tls_->read(bytes) : pull(bytes);
    if (!got) {
      if (!net::would_block(got.error().os_error)) fail("connection_reset");
      return;
    }
    if (*got == 0) return fail("connection_closed");
    answer_.append(bytes.data(), *got);
    if (judge()) return;
    if (answer_.size() >= max_answer) return fail("bad_response");
  } while (tls_ && tls_->has_more());
}

bool HttpCheck::judge() {
  for (;;) {
    const http::HeadScanner::State state = scanner_.scan(answer_);
    if (state == http::HeadScanner::State::incomplete) return false;
    fields_.clear();
    http::ResponseHead head;
    const http::ResponseContext context{
        .to_head = options().method == "HEAD", .upgrade = {}, .max_fields = http::FieldList::capacity};
    const std::string_view bytes = std::string_view(answer_).substr(0, scanner_.length());
    if (state == http::HeadScanner::State::bad || !http::read_response_head(bytes, context, fields_, head)) {
      fail("bad_response");
      return true;
    }
    if (!head.is_interim()) {
      const bool expected = std::ranges::any_of(options().expect, [&](const StatusRange& range) {
        return head.status >= range.first && head.status <= range.last;
      });
      expected ? pass() : fail("status " + std::to_string(head.status));
      return true;
    }
    answer_.erase(0, scanner_.length());
    scanner_.reset();
  }
}

}  // namespace evenkeel::proxy
