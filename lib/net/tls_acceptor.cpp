#include "net/tls_acceptor.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "net/tls_settings.hpp"

namespace evenkeel::net {
namespace {

TicketKeys& tickets_of(SSL* ssl) noexcept {
  return static_cast<TlsServer::Impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->tickets;
}

// RFC 7301 section 3.2: a client that speaks none of what is spoken here is told so.
int on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_length, const unsigned char* offered,
            unsigned int offered_length, void*) noexcept {
  unsigned char* found = nullptr;
  const int outcome =
      SSL_select_next_proto(&found, chosen_length, alpn_http11, sizeof alpn_http11, offered, offered_length);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool begin_mac(EVP_MAC_CTX* mac, TicketKey& key) noexcept {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

// Negative: an error; 0: no such key, or no ticket can be made; 1: good; 2: good, but the client should get
// one under the new key.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int is_new) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (is_new != 0) {
    auto key = tickets_of(ssl).current(now);
    if (!key) return 0;
    if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    std::memcpy(name, key->name.data(), key->name.size());
    const bool begun = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
                       begin_mac(mac, *key);
    return begun ? 1 : -1;
  }
  auto found = tickets_of(ssl).find(std::span<const std::uint8_t, 16>(name, 16), now);
  if (!found) return 0;
  const bool begun =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) == 1 &&
      begin_mac(mac, found->key);
  if (!begun) return -1;
  return found->is_current ? 1 : 2;
}

// A session may outlive the certificate that the client showed, and OpenSSL does not look at that again.
SSL_TICKET_RETURN on_opened_ticket(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                                   SSL_TICKET_STATUS status, void*) noexcept {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  X509* const shown = SSL_SESSION_get0_peer(session);
  const bool expired = shown != nullptr && X509_cmp_current_time(X509_get0_notAfter(shown)) <= 0;
  if (expired) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// OpenSSL resumes only sessions of the same context: whom other CAs let in must not come back by a ticket.
bool bind_sessions(SSL_CTX* context, const std::string& client_ca) noexcept {
  unsigned char digest[SSL_MAX_SID_CTX_LENGTH];
  static_assert(sizeof digest == 32, "SHA-256");
  return EVP_Digest(client_ca.data(), client_ca.size(), digest, nullptr, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context, digest, sizeof digest) == 1;
}

}  // namespace

SslPtr TlsAcceptor::accept() noexcept {
  if (version_ != server_->impl().version.load(std::memory_order_acquire)) adopt();
  if (contexts_.all.empty()) return nullptr;
  SslPtr ssl(SSL_new(contexts_.all.front().get()));
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

// Out of memory: the ones before go on, and the next client makes us try again.
void TlsAcceptor::adopt() noexcept {
  try {
    const std::uint64_t version = server_->impl().version.load(std::memory_order_acquire);
    Contexts next;
    if (!make(*server_->impl().get(), next)) return ERR_clear_error();
    contexts_ = std::move(next);
    version_ = version;
  } catch (const std::exception&) {
    ERR_clear_error();
  }
}

bool TlsAcceptor::make(const TlsServer::Impl::Material& material, Contexts& out) {
  struct Kinds {
    SSL_CTX* context;
    std::vector<int> kinds;
  };
  std::vector<Kinds> made;
  for (const CertificatePem& pem : material.certificates) {
    const auto certificate = Certificate::read(pem, "");
    if (!certificate) return false;
    // The same name with another kind of key: one context shows both, and each client gets what it can read.
    const auto same = out.by_name.find(certificate->names().front());
    const auto partner =
        same == out.by_name.end() ? made.end() : std::ranges::find(made, same->second, &Kinds::context);
    const int kind = certificate->key_kind();
    if (partner != made.end() && std::ranges::find(partner->kinds, kind) == partner->kinds.end()) {
      if (!certificate->install(partner->context)) return false;
      partner->kinds.push_back(kind);
      continue;
    }
    SslContextPtr context = make_context(material.client_ca);
    if (!context || !certificate->install(context.get())) return false;
    made.push_back({context.get(), {kind}});
    for (const std::string& name : certificate->names()) out.by_name.try_emplace(name, context.get());
    out.all.push_back(std::move(context));
  }
  return true;
}

SslContextPtr TlsAcceptor::make_context(const std::string& client_ca) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  const TlsServerOptions& options = server_->options();
  if (!context || !apply_common_settings(context.get(), options.min_version)) return nullptr;
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_app_data(raw, &server_->impl());
  // Our order, unless the client is one that has no AES in hardware and says so by its own.
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A FIN without close_notify is the end: what a request's length is, HTTP says.
  SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_alpn_select_cb(raw, on_alpn, nullptr);
  SSL_CTX_set_tlsext_servername_callback(raw, on_server_name);
  SSL_CTX_set_tlsext_servername_arg(raw, this);
  // Sessions are with the clients, in tickets: nothing to share, to lock or to bound here.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (!bind_sessions(raw, client_ca)) return nullptr;
  if (options.session_lifetime.count() == 0) {
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(raw, 0);
  } else {
    SSL_CTX_set_timeout(raw, options.session_lifetime.count());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, on_ticket);
    SSL_CTX_set_session_ticket_cb(raw, nullptr, on_opened_ticket, nullptr);
  }
  if (client_ca.empty()) return context;
  const int required = options.client_cert_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | required, nullptr);
  return trust(raw, client_ca, true).empty() ? std::move(context) : nullptr;
}

SSL_CTX* TlsAcceptor::find(std::string_view server_name) const {
  std::string name(server_name);
  if (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (const auto found = contexts_.by_name.find(name); found != contexts_.by_name.end()) return found->second;
  // RFC 9525 section 6.3: a wildcard stands for the first label, and for one only.
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto found = contexts_.by_name.find('*' + name.substr(dot));
  return found == contexts_.by_name.end() ? nullptr : found->second;
}

// A name that no certificate is for gets the first one: the client knows better than we whether that will do.
int TlsAcceptor::on_server_name(SSL* ssl, int*, void* acceptor) noexcept {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  try {
    SSL_CTX* const context = static_cast<TlsAcceptor*>(acceptor)->find(name);
    if (context == nullptr) return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(ssl, context) == nullptr ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
  } catch (const std::exception&) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

}  // namespace evenkeel::net
