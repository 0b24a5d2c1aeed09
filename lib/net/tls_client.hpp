// What a TlsClient holds, and the OpenSSL context that one loop makes of it.
#pragma once

#include <memory>
#include <string>

#include "evenkeel/target.hpp"
#include "evenkeel/tls.hpp"

#include "net/openssl.hpp"

namespace evenkeel {

struct TlsClient::Impl {
  TlsClientOptions options;
  std::string ca;  // PEM; empty: the system's
};

namespace net {

// How one target is to be spoken to.
struct TlsPeer {
  std::string name;      // of the certificate, and of SNI unless it is an IP address
  bool validate = true;  // the certificate

  static TlsPeer of(const Target& target);
  friend bool operator==(const TlsPeer&, const TlsPeer&) = default;
};

// Thread rule: one a loop; used by that loop only.
class TlsConnector {
 public:
  // Without a client: the system's CAs. Reads them when the first connection is made (blocking, once).
  explicit TlsConnector(std::shared_ptr<const TlsClient> client) noexcept : client_(std::move(client)) {}
  TlsConnector(const TlsConnector&) = delete;
  TlsConnector& operator=(const TlsConnector&) = delete;

  // The session that a connection to the peer left, for the next one to resume.
  using SessionSlot = SessionPtr;
  // For a connection that stands. `slot`, where sessions go, must outlive what is returned. Null when memory
  // is out, or the name is none.
  SslPtr connect(const TlsPeer& peer, SessionSlot& slot) noexcept;

 private:
  [[nodiscard]] bool prepare() noexcept;

  std::shared_ptr<const TlsClient> client_;
  SslContextPtr context_;
};

}  // namespace net
}  // namespace evenkeel
