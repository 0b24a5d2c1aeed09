// Certificates that a port shows, and how targets are trusted.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "evenkeel/export.hpp"

namespace evenkeel {

// What could not be used, in words for a person: "key.pem: is not the key of cert.pem". Setting TLS up fails
// in more ways than an ErrorCode can tell apart, and nothing of it is on the data path.
using TlsFailure = std::string;

// PEM text: the certificate with the chain behind it, and its private key, without a passphrase.
struct CertificatePem {
  std::string chain;
  std::string key;
  friend bool operator==(const CertificatePem&, const CertificatePem&) = default;
};

// Paths of the same.
struct CertificateFiles {
  std::string certificate;
  std::string key;
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

// What a certificate says of itself.
struct CertificateInfo {
  std::vector<std::string> names;  // DNS names and IP addresses that it is for
  std::chrono::sys_seconds not_after;
  friend bool operator==(const CertificateInfo&, const CertificateInfo&) = default;
};

enum class TlsVersion : std::uint8_t { tls12, tls13 };

struct TlsServerOptions {
  // Chosen by SNI, among the DNS names and IP addresses that each is for; the first one when none fits. Two
  // for the same name with different kinds of keys (ECDSA, RSA) go together.
  std::vector<CertificateFiles> certificates{};
  TlsVersion min_version = TlsVersion::tls12;
  std::string client_ca{};  // file of the CAs that sign client certificates; none are asked for when empty
  bool client_cert_required = true;              // where they are asked for
  std::chrono::seconds session_lifetime{7'200};  // a client resumes within it; 0: no tickets
  std::chrono::seconds ticket_rotation{43'200};  // a new ticket key so often; the one before stays good
  friend bool operator==(const TlsServerOptions&, const TlsServerOptions&) = default;
};

// What the proxies of all loops that serve a port show and share: certificates, and the keys of session
// tickets, so that a client resumes whichever loop it meets. Thread rule: any thread.
class EVENKEEL_API TlsServer {
 public:
  // Reads the files (blocking). Every certificate must fit its key and be usable now or later.
  static std::expected<std::shared_ptr<TlsServer>, TlsFailure> make(TlsServerOptions options);
  // With certificates that come from elsewhere; the options' own list is left out of account. None are
  // needed yet: until replace() has brought some, handshakes fail.
  static std::expected<std::shared_ptr<TlsServer>, TlsFailure> make(TlsServerOptions options,
                                                                    std::vector<CertificatePem> certificates);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // Reads the files again (blocking). New connections get what is there now; those that stand are not
  // touched. Nothing changes when it fails. True when something had changed.
  std::expected<bool, TlsFailure> reload();
  // The same with certificates from elsewhere.
  std::expected<bool, TlsFailure> replace(std::vector<CertificatePem> certificates);

  [[nodiscard]] const TlsServerOptions& options() const noexcept;
  // Those that are shown now, in the order of the options.
  [[nodiscard]] std::vector<CertificateInfo> certificates() const;
  // The same for people, a line each: "app.example.com, *.example.com, until 2027-01-31".
  [[nodiscard]] std::vector<std::string> describe() const;

  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct TlsClientOptions {
  std::string ca;  // file of the CAs to trust; the system's when empty
  TlsVersion min_version = TlsVersion::tls12;
  friend bool operator==(const TlsClientOptions&, const TlsClientOptions&) = default;
};

// How https targets are trusted: the certificate's chain, its time, and the name or address of the target
// (Target::server_name, else its host), unless Target::tls_validate is off. Thread rule: any thread.
class EVENKEEL_API TlsClient {
 public:
  // Reads the file (blocking).
  static std::expected<std::shared_ptr<const TlsClient>, TlsFailure> make(TlsClientOptions options);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  struct Impl;
  [[nodiscard]] const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A certificate for trying things out, signed by itself: ECDSA P-256, for DNS names ("*.local" too) and IP
// addresses, good from an hour ago for `days`. Blocks for about a millisecond.
EVENKEEL_API std::expected<CertificatePem, TlsFailure> make_self_signed(const std::vector<std::string>& names,
                                                                        unsigned days);

}  // namespace evenkeel
