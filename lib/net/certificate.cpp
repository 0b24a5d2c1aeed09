#include "net/certificate.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sys/socket.h>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace evenkeel::net {
namespace {

constexpr std::size_t max_file = 1'048'576;

BioPtr bio_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Nobody is there to type a passphrase, and OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string ip_text_of(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int length = ASN1_STRING_length(address);
  if (length != 4 && length != 16) return {};
  inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text.data(), text.size());
  return text.data();
}

std::vector<std::string> names_of(X509* leaf) {
  std::vector<std::string> names;
  auto* const listed =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(listed); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(listed, i);
    std::string text;
    if (name->type == GEN_DNS) text = lower(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) text = ip_text_of(name->d.iPAddress);
    if (!text.empty()) names.push_back(std::move(text));
  }
  GENERAL_NAMES_free(listed);
  if (!names.empty()) return names;
  const X509_NAME* const subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return names;
  names.push_back(lower(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))));
  return names;
}

}  // namespace

std::expected<Certificate, TlsFailure> Certificate::read(const CertificatePem& pem, std::string_view name) {
  Certificate certificate;
  const BioPtr chain = bio_of(pem.chain);
  certificate.leaf_.reset(PEM_read_bio_X509_AUX(chain.get(), nullptr, no_passphrase, nullptr));
  if (!certificate.leaf_) {
    return std::unexpected(fmt::format("{}: holds no certificate in PEM ({})", name, openssl_reason()));
  }
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)) {
    certificate.chain_.emplace_back(next);
  }
  // How the list ends is an error to OpenSSL; a certificate that is cut short is another one.
  const unsigned long end = ERR_peek_last_error();
  const bool is_whole = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  const std::string reason = openssl_reason();
  if (!is_whole) return std::unexpected(fmt::format("{}: has a broken certificate ({})", name, reason));

  certificate.key_.reset(PEM_read_bio_PrivateKey(bio_of(pem.key).get(), nullptr, no_passphrase, nullptr));
  if (!certificate.key_) {
    return std::unexpected(fmt::format("{}: its key is no private key in PEM without a passphrase ({})", name,
                                       openssl_reason()));
  }
  if (X509_check_private_key(certificate.leaf_.get(), certificate.key_.get()) != 1) {
    ERR_clear_error();
    return std::unexpected(fmt::format("{}: the key belongs to another certificate", name));
  }
  certificate.names_ = names_of(certificate.leaf_.get());
  if (certificate.names_.empty()) {
    return std::unexpected(fmt::format("{}: is for no DNS name and no IP address", name));
  }
  return certificate;
}

bool Certificate::install(SSL_CTX* context) const noexcept {
  if (SSL_CTX_use_certificate(context, leaf_.get()) != 1) return false;
  if (SSL_CTX_use_PrivateKey(context, key_.get()) != 1) return false;
  SSL_CTX_clear_chain_certs(context);
  return std::ranges::all_of(
      chain_, [&](const X509Ptr& link) { return SSL_CTX_add1_chain_cert(context, link.get()) == 1; });
}

CertificateInfo Certificate::info() const {
  std::tm until{};
  ASN1_TIME_to_tm(X509_get0_notAfter(leaf_.get()), &until);
  return {names_, std::chrono::sys_seconds(std::chrono::seconds(timegm(&until)))};
}

std::expected<std::string, TlsFailure> read_pem_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  std::string text(max_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  // A directory opens, and fails when it is read.
  if (file.bad()) return std::unexpected(fmt::format("{}: cannot be read", path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > max_file) return std::unexpected(fmt::format("{}: is larger than 1 MiB", path));
  if (text.empty()) return std::unexpected(fmt::format("{}: is empty, or cannot be read", path));
  return text;
}

}  // namespace evenkeel::net
