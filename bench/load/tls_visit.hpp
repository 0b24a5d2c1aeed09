// One TLS connection of a load program: handshake, one request, its answer, the end.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include <llhttp.h>
#include <openssl/ssl.h>

#include "load/tls.hpp"
#include "net/fd.hpp"
#include "net/openssl.hpp"

namespace evenkeel::bench {

class TlsVisit {
 public:
  enum class State : std::uint8_t { waiting, done, failed };

  TlsVisit() = default;
  // `fd` is connected and does not block. Without a session to resume the handshake is a full one.
  TlsVisit(net::Fd fd, SSL_CTX* context, SSL_SESSION* session) noexcept
      : fd_(std::move(fd)), ssl_(SSL_new(context)) {
    SSL_set_connect_state(ssl_.get());
    SSL_set_fd(ssl_.get(), fd_.get());
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    llhttp_init(&parser_, HTTP_RESPONSE, &settings());
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool is_resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }

  // At first, and when the socket is readable.
  State step(std::string_view request) noexcept {
    if (!secured_) {
      const int result = SSL_do_handshake(ssl_.get());
      if (result != 1) return after(result);
      secured_ = true;
      std::size_t sent = 0;
      if (!is_as_agreed(ssl_.get()) || SSL_write_ex(ssl_.get(), request.data(), request.size(), &sent) != 1) {
        return State::failed;
      }
    }
    return receive();
  }

  // close_notify and FIN, as a browser or curl leaves.
  void close() noexcept {
    SSL_shutdown(ssl_.get());
    ssl_.reset();
    fd_.reset();
  }

 private:
  static const llhttp_settings_t& settings() noexcept {
    static const llhttp_settings_t made = [] {
      llhttp_settings_t with{};
      llhttp_settings_init(&with);
      with.on_message_complete = [](llhttp_t* parser) { return parser->data = parser, 0; };
      return with;
    }();
    return made;
  }

  [[nodiscard]] State after(int result) const noexcept {
    return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ ? State::waiting : State::failed;
  }

  State receive() noexcept {
    std::array<char, 16'384> bytes;
    for (;;) {
      std::size_t count = 0;
      if (SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &count) != 1) return after(0);
      if (llhttp_execute(&parser_, bytes.data(), count) != HPE_OK) return State::failed;
      const bool answered = parser_.data != nullptr;
      if (answered) return parser_.status_code == HTTP_STATUS_OK ? State::done : State::failed;
    }
  }

  net::Fd fd_;
  net::SslPtr ssl_;
  llhttp_t parser_{};
  bool secured_ = false;
};

}  // namespace evenkeel::bench
