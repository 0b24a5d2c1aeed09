// TLS on a byte stream: what OpenSSL makes of the bytes, with no socket of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/uio.h>

#include "evenkeel/error.hpp"

#include "net/openssl.hpp"

namespace evenkeel::net {

// Where the records come from and go to.
class TlsLink {
 public:
  // Bytes of the stream; 0 at its end; os_error EAGAIN when there are none now. Asked only as often as there
  // may be some.
  virtual Result<std::size_t> pull(std::span<char> into) noexcept = 0;
  // Takes everything, now or later. False when the stream is broken or memory is out.
  virtual bool push(std::string_view bytes) noexcept = 0;

 protected:
  ~TlsLink() = default;
};

// OpenSSL reads the socket straight into its own buffer, and what it encrypts is sent straight from there:
// memory BIOs would copy each record once more. Thread rule: the link's.
class TlsStream {
 public:
  // `link` must outlive it. Null when memory is out.
  static std::unique_ptr<TlsStream> make(SslPtr ssl, TlsLink& link) noexcept;
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Step : std::uint8_t { done, wait, failed };
  // Goes as far as what has come allows. `wait`: again when there is more to pull.
  Step handshake() noexcept;
  [[nodiscard]] bool is_established() const noexcept { return established_; }
  [[nodiscard]] bool is_server() const noexcept { return SSL_is_server(ssl_.get()) != 0; }
  // Pulled, and not looked at yet.
  [[nodiscard]] bool holds_bytes() const noexcept { return SSL_has_pending(ssl_.get()) != 0; }
  [[nodiscard]] bool is_resumed() const noexcept { return SSL_session_reused(ssl_.get()) != 0; }
  // After Step::failed.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  // The same for a person: "certificate has expired".
  [[nodiscard]] std::string reason() const;
  // The client spoke HTTP where TLS was due.
  [[nodiscard]] bool is_plain_http() const noexcept;

  // As recv(): 0 at the end that the peer announced, an error with os_error EAGAIN when nothing is there.
  // An error, too, when the peer has sent more than max_chatter messages of TLS itself with no byte of data
  // between them: a key update costs its sender less than us, and without end they would take the loop for
  // themselves (BoringSSL and Go draw the same line).
  static constexpr unsigned max_chatter = 64;
  Result<std::size_t> read(std::span<char> into) noexcept;
  // The last read() left something, or stopped for want of room: it is worth another one.
  [[nodiscard]] bool has_more() const noexcept { return has_more_; }
  // Encrypts and pushes all of it. When the link takes no more, what came before can still be read. `scratch`
  // is where short slices are joined: a record each would cost more.
  Result<void> write(std::span<const iovec> slices, std::span<char> scratch) noexcept;
  // close_notify: nothing more will be written. Idempotent.
  void shut_write() noexcept;

 private:
  TlsStream(SslPtr ssl, TlsLink& link) noexcept : link_(link), ssl_(std::move(ssl)) {}

  [[nodiscard]] Fault fault() const noexcept { return is_server() ? Fault::client : Fault::target; }
  [[nodiscard]] bool put(const char* data, std::size_t size) noexcept;
  Step fail(int ssl_error) noexcept;

  static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) noexcept;
  static int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) noexcept;
  static void on_info(const SSL* ssl, int what, int) noexcept;
  static long bio_control(BIO* bio, int command, long number, void* pointer) noexcept;
  static BIO_METHOD* bio_method() noexcept;

  TlsLink& link_;
  SslPtr ssl_;
  Error error_{};
  unsigned chatter_ = 0;      // since the last byte
  unsigned long reason_ = 0;  // of OpenSSL
  long verify_result_ = 0;    // X509_V_OK
  bool established_ = false;
  bool has_more_ = false;
  bool stream_ended_ = false;  // pull() has said so
  bool write_is_shut_ = false;
  bool write_failed_ = false;  // the link takes no more
  bool failed_ = false;
};

}  // namespace evenkeel::net
