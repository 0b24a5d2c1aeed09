#include "net/tls_client.hpp"

#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/address.hpp"
#include "net/certificate.hpp"
#include "net/tls_settings.hpp"

namespace evenkeel {

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsClient::~TlsClient() = default;

std::expected<std::shared_ptr<const TlsClient>, TlsFailure> TlsClient::make(TlsClientOptions options) {
  auto impl = std::make_unique<Impl>();
  if (!options.ca.empty()) {
    auto text = net::read_pem_file(options.ca);
    if (!text) return std::unexpected(text.error());
    const net::SslContextPtr scratch(SSL_CTX_new(TLS_client_method()));
    if (!scratch) return std::unexpected(net::openssl_reason());
    const TlsFailure failure = net::trust(scratch.get(), *text, false);
    if (!failure.empty()) return std::unexpected(options.ca + ": " + failure);
    impl->ca = std::move(*text);
  }
  impl->options = std::move(options);
  return std::shared_ptr<const TlsClient>(new TlsClient(std::move(impl)));
}

namespace net {
namespace {

int on_session(SSL* ssl, SSL_SESSION* session) noexcept {
  // OpenSSL hands the mark of a session that was used already on to the one that follows it.
  if (SSL_SESSION_is_resumable(session) == 0) return 0;
  static_cast<TlsConnector::SessionSlot*>(SSL_get_app_data(ssl))->reset(session);
  return 1;  // the reference is ours now
}

bool expect_name(SSL* ssl, const std::string& name) noexcept {
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
  const bool is_ip = ip_address(name, 0).has_value();
  if (is_ip) return X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size()) == 1;
}

}  // namespace

TlsPeer TlsPeer::of(const Target& target) {
  std::string name = target.server_name;
  if (name.empty()) name = target.name.empty() ? target.host : target.name;
  if (name.ends_with('.')) name.pop_back();
  return {std::move(name), target.tls_validate};
}

bool TlsConnector::prepare() noexcept {
  if (context_) return true;
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  const TlsVersion least = client_ ? client_->impl().options.min_version : TlsVersion::tls12;
  if (!context || !apply_common_settings(context.get(), least)) return false;
  const bool own_ca = client_ && !client_->impl().ca.empty();
  if (own_ca && !trust(context.get(), client_->impl().ca, false).empty()) return false;
  if (!own_ca && SSL_CTX_set_default_verify_paths(context.get()) != 1) return false;
  SSL_CTX_set_alpn_protos(context.get(), alpn_http11, sizeof alpn_http11);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), on_session);
  context_ = std::move(context);
  return true;
}

SslPtr TlsConnector::connect(const TlsPeer& peer, SessionSlot& slot) noexcept {
  SslPtr ssl(prepare() ? SSL_new(context_.get()) : nullptr);
  if (!ssl) return ERR_clear_error(), nullptr;
  SSL_set_connect_state(ssl.get());
  SSL_set_app_data(ssl.get(), &slot);
  SSL_set_verify(ssl.get(), peer.validate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  const bool is_ip = ip_address(peer.name, 0).has_value();
  const bool named =
      peer.name.empty() || is_ip || SSL_set_tlsext_host_name(ssl.get(), peer.name.c_str()) == 1;
  // Nothing to check it by must not mean that anything goes.
  const bool checked = !peer.validate || (!peer.name.empty() && expect_name(ssl.get(), peer.name));
  if (!named || !checked) return ERR_clear_error(), nullptr;
  if (!slot) return ssl;
  // A copy: OpenSSL marks one of TLS 1.3 as used up, while a pool makes several connections with it.
  const SessionPtr session(SSL_SESSION_dup(slot.get()));
  if (session) SSL_set_session(ssl.get(), session.get());
  return ssl;
}

}  // namespace net
}  // namespace evenkeel
