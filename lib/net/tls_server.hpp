// What a TlsServer holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "evenkeel/tls.hpp"

#include "net/certificate.hpp"
#include "net/ticket_keys.hpp"

namespace evenkeel {

struct TlsServer::Impl {
  // Text, not OpenSSL's objects: those count their users with atomics and locks that all loops would share.
  struct Material {
    std::vector<CertificatePem> certificates;
    std::string client_ca;
    friend bool operator==(const Material&, const Material&) = default;
  };

  explicit Impl(TlsServerOptions tls_options)
      : options(std::move(tls_options)), tickets(options.ticket_rotation, options.session_lifetime) {}

  std::expected<bool, TlsFailure> set(Material next, const std::vector<std::string>& names);
  [[nodiscard]] std::shared_ptr<const Material> get();

  const TlsServerOptions options;
  net::TicketKeys tickets;
  std::atomic<std::uint64_t> version{0};  // grows with each change of `material`
  std::mutex mutex;
  std::shared_ptr<const Material> material;
  std::vector<CertificateInfo> infos;  // of `material`
};

}  // namespace evenkeel
