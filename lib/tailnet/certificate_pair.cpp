#include "tailnet/certificate_pair.hpp"

#include <string>

namespace evenkeel::tailnet {

base::OrReason<CertificatePem> split_pair(std::string_view pem) {
  const std::size_t chain = pem.find("-----BEGIN CERTIFICATE-----");
  if (chain == std::string_view::npos) return std::unexpected("holds no certificate");
  const std::string_view key = pem.substr(0, chain);
  if (!key.contains("PRIVATE KEY-----")) return std::unexpected("holds no key before its certificate");
  return CertificatePem{.chain = std::string(pem.substr(chain)), .key = std::string(key)};
}

}  // namespace evenkeel::tailnet
