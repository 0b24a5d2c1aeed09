// TLS of a load program's clients: what an OpenSSL client offers by itself, of which only one outcome is
// taken, so that all proxies are measured at the same work.
#pragma once

#include <cstdint>

#include <openssl/obj_mac.h>
#include <openssl/ssl.h>

#include "net/openssl.hpp"

namespace evenkeel::bench {

// TLS 1.3. Certificates are not checked: that would be work of the client's only.
inline net::SslContextPtr client_context() noexcept {
  net::SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) return nullptr;
  return context;
}

// Whether a handshake has ended with AES-128-GCM and a key exchange with X25519.
inline bool is_as_agreed(SSL* ssl) noexcept {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
  return SSL_version(ssl) == TLS1_3_VERSION && cipher != nullptr &&
         SSL_CIPHER_get_id(cipher) == TLS1_3_CK_AES_128_GCM_SHA256 &&
         SSL_get_negotiated_group(ssl) == NID_X25519;
}

// The handshake of a blocking socket. Null when it fails, or ends in anything else than is_as_agreed().
inline net::SslPtr secure(SSL_CTX* context, int fd) noexcept {
  net::SslPtr ssl(SSL_new(context));
  const bool stands = ssl && SSL_set_fd(ssl.get(), fd) == 1 && SSL_connect(ssl.get()) == 1;
  if (!stands || !is_as_agreed(ssl.get())) return nullptr;
  return ssl;
}

}  // namespace evenkeel::bench
