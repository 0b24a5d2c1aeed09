#include "proxy/tcp_check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace evenkeel::proxy {
void TcpCheck::on_ready() {
  sent_ < options().send.size() ? send() : receive();
}

void TcpCheck::send() {
  const std::string_view unsent = std::string_view(options().send).substr(sent_);
  if (!unsent.empty()) {
    const ssize_t sent = ::send(descriptor(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && !must_wait()) return fail("connection_reset");
    sent_ += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (sent_ < options().send.size()) return wait_for(UV_WRITABLE);
  }
  if (options().receive.empty()) return pass();
  wait_for(UV_READABLE);
}

void TcpCheck::receive() {
  std::array<char, max_answer> bytes;
  const ssize_t got = ::recv(descriptor(), bytes.data(), max_answer - answer_.size(), 0);
  if (got < 0) {
    if (!must_wait()) return fail("connection_reset");
    return wait_for(UV_READABLE);
  }
  if (got == 0) return fail(answer_.empty() ? "connection_closed" : "unexpected_reply");
  answer_.append(bytes.data(), static_cast<std::size_t>(got));
  if (answer_.contains(options().receive)) return pass();
  if (answer_.size() == max_answer) fail("unexpected_reply");
}

}  // namespace evenkeel::proxy
