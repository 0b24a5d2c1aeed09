// The OpenSSL contexts that one loop makes of a TlsServer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/openssl.hpp"
#include "net/tls_server.hpp"

namespace evenkeel::net {

// Thread rule: one a loop and port; used by that loop only. Outlives the connections that it accepted.
class TlsAcceptor {
 public:
  explicit TlsAcceptor(std::shared_ptr<TlsServer> server) noexcept : server_(std::move(server)) {}
  TlsAcceptor(const TlsAcceptor&) = delete;
  TlsAcceptor& operator=(const TlsAcceptor&) = delete;

  // For a client that just came. Null when memory is out, or when there is no certificate to show yet.
  SslPtr accept() noexcept;

 private:
  // One a certificate, or a pair of them. OpenSSL keeps each as long as a connection uses it.
  struct Contexts {
    std::vector<SslContextPtr> all;
    std::unordered_map<std::string, SSL_CTX*> by_name;
  };

  void adopt() noexcept;
  [[nodiscard]] bool make(const TlsServer::Impl::Material& material, Contexts& out);
  [[nodiscard]] SslContextPtr make_context(const std::string& client_ca);
  [[nodiscard]] SSL_CTX* find(std::string_view server_name) const;

  static int on_server_name(SSL* ssl, int* alert, void* acceptor) noexcept;

  std::shared_ptr<TlsServer> server_;
  Contexts contexts_;
  std::uint64_t version_ = 0;
};

}  // namespace evenkeel::net
