// One certificate with its chain and key, read from PEM.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/tls.hpp"

#include "net/openssl.hpp"

namespace evenkeel::net {

class Certificate {
 public:
  // `name` is what a failure calls it. It must have a key that fits.
  static std::expected<Certificate, TlsFailure> read(const CertificatePem& pem, std::string_view name);

  // Makes it one of those that `context` shows: one a kind of key.
  [[nodiscard]] bool install(SSL_CTX* context) const noexcept;

  // DNS names in lower case and IP addresses in text, as the certificate lists them; its common name when it
  // lists none.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] int key_kind() const noexcept { return EVP_PKEY_base_id(key_.get()); }
  [[nodiscard]] CertificateInfo info() const;

 private:
  X509Ptr leaf_;
  std::vector<X509Ptr> chain_;
  KeyPtr key_;
  std::vector<std::string> names_;
};

// The whole text of a file of PEM, bounded.
std::expected<std::string, TlsFailure> read_pem_file(const std::string& path);

}  // namespace evenkeel::net
