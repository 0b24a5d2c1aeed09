#include "net/tls_server.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "net/tls_settings.hpp"

namespace evenkeel {
namespace {

using Material = TlsServer::Impl::Material;

struct Read {
  Material material;
  std::vector<std::string> names;  // what failures call the certificates
};

std::expected<std::string, TlsFailure> read_client_ca(const TlsServerOptions& options) {
  if (options.client_ca.empty()) return std::string();
  auto text = net::read_pem_file(options.client_ca);
  if (!text) return text;
  const net::SslContextPtr scratch(SSL_CTX_new(TLS_server_method()));
  if (!scratch) return std::unexpected(net::openssl_reason());
  const TlsFailure failure = net::trust(scratch.get(), *text, true);
  if (!failure.empty()) return std::unexpected(options.client_ca + ": " + failure);
  return text;
}

std::expected<Read, TlsFailure> read_files(const TlsServerOptions& options) {
  Read read;
  for (const CertificateFiles& files : options.certificates) {
    auto chain = net::read_pem_file(files.certificate);
    if (!chain) return std::unexpected(chain.error());
    auto key = net::read_pem_file(files.key);
    if (!key) return std::unexpected(key.error());
    read.material.certificates.push_back({std::move(*chain), std::move(*key)});
    read.names.push_back(files.certificate);
  }
  auto client_ca = read_client_ca(options);
  if (!client_ca) return std::unexpected(client_ca.error());
  read.material.client_ca = std::move(*client_ca);
  return read;
}

}  // namespace

std::expected<bool, TlsFailure> TlsServer::Impl::set(Material next, const std::vector<std::string>& names) {
  std::vector<CertificateInfo> infos_of_next;
  for (std::size_t i = 0; i < next.certificates.size(); ++i) {
    const std::string name = i < names.size() ? names[i] : "certificate " + std::to_string(i + 1);
    const auto certificate = net::Certificate::read(next.certificates[i], name);
    if (!certificate) return std::unexpected(certificate.error());
    // What reading cannot tell: a key too short for OpenSSL's level of security, say.
    const net::SslContextPtr scratch(SSL_CTX_new(TLS_server_method()));
    if (!scratch || !certificate->install(scratch.get())) {
      return std::unexpected(name + ": cannot be used (" + net::openssl_reason() + ")");
    }
    infos_of_next.push_back(certificate->info());
  }
  auto shared = std::make_shared<const Material>(std::move(next));
  const std::lock_guard lock(mutex);
  if (material && *material == *shared) return false;
  material = std::move(shared);
  infos = std::move(infos_of_next);
  version.fetch_add(1, std::memory_order_release);
  return true;
}

std::shared_ptr<const TlsServer::Impl::Material> TlsServer::Impl::get() {
  const std::lock_guard lock(mutex);
  return material;
}

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsServer::~TlsServer() = default;

std::expected<std::shared_ptr<TlsServer>, TlsFailure> TlsServer::make(TlsServerOptions options) {
  std::shared_ptr<TlsServer> server(new TlsServer(std::make_unique<Impl>(std::move(options))));
  if (const auto loaded = server->reload(); !loaded) return std::unexpected(loaded.error());
  return server;
}

std::expected<std::shared_ptr<TlsServer>, TlsFailure> TlsServer::make(
    TlsServerOptions options, std::vector<CertificatePem> certificates) {
  options.certificates.clear();
  std::shared_ptr<TlsServer> server(new TlsServer(std::make_unique<Impl>(std::move(options))));
  if (const auto set = server->replace(std::move(certificates)); !set) return std::unexpected(set.error());
  return server;
}

std::expected<bool, TlsFailure> TlsServer::reload() {
  auto read = read_files(impl_->options);
  if (!read) return std::unexpected(read.error());
  return impl_->set(std::move(read->material), read->names);
}

std::expected<bool, TlsFailure> TlsServer::replace(std::vector<CertificatePem> certificates) {
  auto client_ca = read_client_ca(impl_->options);
  if (!client_ca) return std::unexpected(client_ca.error());
  return impl_->set({std::move(certificates), std::move(*client_ca)}, {});
}

const TlsServerOptions& TlsServer::options() const noexcept {
  return impl_->options;
}

std::vector<CertificateInfo> TlsServer::certificates() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->infos;
}

std::vector<std::string> TlsServer::describe() const {
  std::vector<std::string> lines;
  for (const CertificateInfo& certificate : certificates()) {
    const std::chrono::year_month_day until{std::chrono::floor<std::chrono::days>(certificate.not_after)};
    lines.push_back(fmt::format("{}, until {}-{:02}-{:02}", fmt::join(certificate.names, ", "),
                                static_cast<int>(until.year()), static_cast<unsigned>(until.month()),
                                static_cast<unsigned>(until.day())));
  }
  return lines;
}

}  // namespace evenkeel
