// Certificates for trying things out.
#include <array>
#include <cstdint>
#include <cstring>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "evenkeel/tls.hpp"

#include "base/target_url.hpp"
#include "net/address.hpp"
#include "net/openssl.hpp"

namespace evenkeel {
namespace {

using net::BioPtr;

// What OpenSSL reads as a list, and as its own syntax: only names and addresses may come here.
bool is_name(const std::string& name) {
  if (net::ip_address(name, 0)) return true;
  const std::string plain = name.starts_with("*.") ? name.substr(2) : name;
  const auto read = base::read_authority(plain);
  return read && !read->port && !plain.contains('[');
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_serial(X509* certificate) {
  std::uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

bool set_subject(X509* certificate, const std::string& name) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  // RFC 5280 appendix A.1: no more than 64 characters. The names that count are in the extension.
  const std::string common = name.substr(0, 64);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(common.c_str());
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

}  // namespace

std::expected<CertificatePem, TlsFailure> make_self_signed(const std::vector<std::string>& names,
                                                           unsigned days) {
  if (names.empty()) return std::unexpected("no name to certify");
  std::string listed;
  for (const std::string& name : names) {
    if (!is_name(name)) return std::unexpected('"' + name + "\" is neither a DNS name nor an IP address");
    if (!listed.empty()) listed += ',';
    listed += (net::ip_address(name, 0) ? "IP:" : "DNS:") + name;
  }
  const net::KeyPtr key(EVP_EC_gen("P-256"));
  const net::X509Ptr certificate(X509_new());
  constexpr long hour = 3'600;
  X509* const raw = certificate.get();
  const bool made =
      key && raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1 && set_serial(raw) &&
      X509_gmtime_adj(X509_getm_notBefore(raw), -hour) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(raw), static_cast<int>(days), 0, nullptr) != nullptr &&
      X509_set_pubkey(raw, key.get()) == 1 && set_subject(raw, names.front()) &&
      add_extension(raw, NID_subject_alt_name, listed) &&
      // Its own authority, so that it can be given to whoever is to trust it.
      add_extension(raw, NID_basic_constraints, "critical,CA:TRUE") &&
      // Or whoever trusts two with the same subject takes the one for the issuer of the other.
      add_extension(raw, NID_subject_key_identifier, "hash") &&
      add_extension(raw, NID_authority_key_identifier, "keyid:always") &&
      add_extension(raw, NID_ext_key_usage, "serverAuth") && X509_sign(raw, key.get(), EVP_sha256()) != 0;
  const BioPtr chain(BIO_new(BIO_s_mem()));
  const BioPtr secret(BIO_new(BIO_s_mem()));
  const bool written =
      made && chain && secret && PEM_write_bio_X509(chain.get(), raw) == 1 &&
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  if (!written) return std::unexpected(net::openssl_reason());
  return CertificatePem{text_of(chain.get()), text_of(secret.get())};
}

}  // namespace evenkeel
