// What both ends of our TLS have in common.
#pragma once

#include "evenkeel/tls.hpp"

#include "net/openssl.hpp"

namespace evenkeel::net {

// Versions, ciphers with forward secrecy and authentication (RFC 9325 section 4.2), no renegotiation, no
// compression, and memory given back between records. False when OpenSSL refuses.
[[nodiscard]] bool apply_common_settings(SSL_CTX* context, TlsVersion min_version) noexcept;

// Adds every certificate of the PEM text to what `context` trusts; for a server it also names them to
// clients. In words what is wrong, else empty.
[[nodiscard]] TlsFailure trust(SSL_CTX* context, const std::string& pem, bool name_to_peers);

// RFC 7301: the only protocol spoken here, as ALPN has it on the wire.
inline constexpr unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

}  // namespace evenkeel::net
