#include "net/tls_settings.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace evenkeel::net {
namespace {

constexpr const char* tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* tls13_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

}  // namespace

bool apply_common_settings(SSL_CTX* context, TlsVersion min_version) noexcept {
  const int least = min_version == TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // A buffer of 16 KiB a direction goes back to the heap whenever it is empty: an idle connection has none.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // What is sent behind a certificate is what its file holds. OpenSSL would look for more among the CAs that
  // the peer is checked by, and verify what it finds, in every handshake.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  // One read of the socket takes whole records, not first the five bytes that tell how long they are.
  SSL_CTX_set_read_ahead(context, 1);
  return SSL_CTX_set_min_proto_version(context, least) == 1 &&
         SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 &&
         SSL_CTX_set_ciphersuites(context, tls13_ciphers) == 1 &&
         SSL_CTX_set1_groups_list(context, groups) == 1;
}

TlsFailure trust(SSL_CTX* context, const std::string& pem, bool name_to_peers) {
  const BioPtr text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool any = false;
  for (;;) {
    const X509Ptr certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    any = true;
    const bool added = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) == 1 &&
                       (!name_to_peers || SSL_CTX_add_client_CA(context, certificate.get()) == 1);
    if (!added) return openssl_reason();
  }
  ERR_clear_error();  // the end of the text is one
  return any ? TlsFailure() : "holds no certificate in PEM";
}

}  // namespace evenkeel::net
