#include "net/tls_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include <openssl/err.h>

#include "net/socket.hpp"

namespace evenkeel::net {
namespace {

constexpr std::size_t max_record = SSL3_RT_MAX_PLAIN_LENGTH;

// OpenSSL tells of failures in a queue of the thread, and takes what an earlier call of anybody's left there
// for its own.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

Error nothing_there() noexcept {
  return {ErrorCode::system, Fault::us, false, EAGAIN};
}

}  // namespace

std::unique_ptr<TlsStream> TlsStream::make(SslPtr ssl, TlsLink& link) noexcept {
  if (!ssl || bio_method() == nullptr) return nullptr;
  BIO* const bio = BIO_new(bio_method());
  if (bio == nullptr) return nullptr;
  std::unique_ptr<TlsStream> made(new (std::nothrow) TlsStream(std::move(ssl), link));
  if (!made) return BIO_free(bio), nullptr;
  BIO_set_data(bio, made.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(made->ssl_.get(), bio, bio);
  SSL_set_info_callback(made->ssl_.get(), on_info);
  return made;
}

// Or OpenSSL would take a cut for a reason not to resume the session, as TLS 1.0 asked for.
TlsStream::~TlsStream() {
  SSL_set_shutdown(ssl_.get(), SSL_get_shutdown(ssl_.get()) | SSL_SENT_SHUTDOWN);
}

BIO_METHOD* TlsStream::bio_method() noexcept {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "evenkeel");
    if (made == nullptr) return made;
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

// Of messages and alerts, either way; never of data.
void TlsStream::on_info(const SSL* ssl, int what, int) noexcept {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(SSL_get_rbio(ssl)));
  if (stream.established_ && (what & (SSL_CB_LOOP | SSL_CB_ALERT)) != 0) ++stream.chatter_;
}

int TlsStream::bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) noexcept {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (stream.chatter_ > max_chatter) return 0;
  const Result<std::size_t> count = stream.link_.pull({into, size});
  if (!count) {
    if (would_block(count.error().os_error)) {
      BIO_set_retry_read(bio);
    } else {
      stream.error_ = count.error();
    }
    return 0;
  }
  *got = *count;
  stream.stream_ended_ = *count == 0;
  return *count == 0 ? 0 : 1;
}

int TlsStream::bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) noexcept {
  BIO_clear_retry_flags(bio);
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  if (!stream.link_.push({data, size})) {
    stream.write_failed_ = true;
    return 0;
  }
  *taken = size;
  return 1;
}

long TlsStream::bio_control(BIO* bio, int command, long, void*) noexcept {
  if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->stream_ended_ ? 1 : 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

TlsStream::Step TlsStream::fail(int ssl_error) noexcept {
  failed_ = true;
  reason_ = ERR_peek_error();
  // Also set where nobody asks whether the certificate is good.
  if (ERR_GET_REASON(reason_) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    verify_result_ = SSL_get_verify_result(ssl_.get());
  }
  ERR_clear_error();
  if (error_.os_error != 0) {
    error_ = io_error(error_.os_error, fault());
  } else if (chatter_ > max_chatter || (ssl_error == SSL_ERROR_SSL && !stream_ended_)) {
    error_ = {established_ ? ErrorCode::bad_tls : ErrorCode::tls_handshake_failed, fault(), !established_, 0};
  } else {
    error_ = {established_ ? ErrorCode::connection_reset : ErrorCode::connection_closed, fault(),
              !established_, 0};
  }
  return Step::failed;
}

TlsStream::Step TlsStream::handshake() noexcept {
  if (failed_) return Step::failed;
  forget_errors();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    return Step::done;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  return error == SSL_ERROR_WANT_READ ? Step::wait : fail(error);
}

std::string TlsStream::reason() const {
  if (verify_result_ != X509_V_OK) return X509_verify_cert_error_string(verify_result_);
  const char* const text = reason_ == 0 ? nullptr : ERR_reason_error_string(reason_);
  return text != nullptr ? text : std::string(to_string(error_.code));
}

bool TlsStream::is_plain_http() const noexcept {
  return ERR_GET_LIB(reason_) == ERR_LIB_SSL && ERR_GET_REASON(reason_) == SSL_R_HTTP_REQUEST;
}

Result<std::size_t> TlsStream::read(std::span<char> into) noexcept {
  has_more_ = false;
  if (failed_) return std::unexpected(error_);
  forget_errors();
  std::size_t total = 0;
  while (total < into.size()) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count) == 1) {
      total += count;
      chatter_ = 0;
      // Without another record there is nothing to be had from a further call.
      if (SSL_has_pending(ssl_.get()) == 0) return total;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), 0);
    if (error == SSL_ERROR_WANT_READ) break;
    // What came before is handed out first.
    if (error != SSL_ERROR_ZERO_RETURN) fail(error);
    if (total != 0) break;
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    return std::unexpected(error_);
  }
  if (total == 0) return std::unexpected(nothing_there());
  has_more_ = failed_ || total == into.size() || (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  return total;
}

bool TlsStream::put(const char* data, std::size_t size) noexcept {
  std::size_t taken = 0;
  if (SSL_write_ex(ssl_.get(), data, size, &taken) == 1) return true;
  if (write_failed_) {
    error_ = {ErrorCode::connection_reset, fault(), false, 0};
    ERR_clear_error();
  } else {
    fail(SSL_get_error(ssl_.get(), 0));
  }
  return false;
}

Result<void> TlsStream::write(std::span<const iovec> slices, std::span<char> scratch) noexcept {
  if (failed_ || write_failed_ || write_is_shut_) return std::unexpected(error_);
  forget_errors();
  std::size_t joined = 0;
  for (const iovec& slice : slices) {
    const auto* data = static_cast<const char*>(slice.iov_base);
    std::size_t left = slice.iov_len;
    while (left != 0) {
      // A record's worth of one slice need not be copied.
      if (joined == 0 && left >= scratch.size()) {
        const std::size_t whole = std::min(left, max_record);
        if (!put(data, whole)) return std::unexpected(error_);
        data += whole;
        left -= whole;
        continue;
      }
      const std::size_t part = std::min(left, scratch.size() - joined);
      std::memcpy(scratch.data() + joined, data, part);
      joined += part;
      data += part;
      left -= part;
      if (joined < scratch.size()) continue;
      if (!put(scratch.data(), joined)) return std::unexpected(error_);
      joined = 0;
    }
  }
  if (joined != 0 && !put(scratch.data(), joined)) return std::unexpected(error_);
  return {};
}

void TlsStream::shut_write() noexcept {
  if (!established_ || failed_ || write_failed_ || std::exchange(write_is_shut_, true)) return;
  forget_errors();
  SSL_shutdown(ssl_.get());
  forget_errors();
}

}  // namespace evenkeel::net
