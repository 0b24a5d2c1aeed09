#include "port_tls.hpp"

#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

constexpr std::string_view pair_form = "a certificate and its key, in PEM files that this user may read";
constexpr std::string_view ca_form = "the certificates of CAs, in a PEM file that this user may read";

bool is_about(std::string_view failure, std::string_view path) noexcept {
  return failure.starts_with(path) && failure.substr(path.size()).starts_with(": ");
}

// One after the other, to find all that are wrong.
std::vector<SpecError> look_at_each(const PortSpec& port) {
  std::vector<SpecError> mistakes;
  for (std::size_t i = 0; i < port.tls.certificates.size(); ++i) {
    const CertificateFiles& files = port.tls.certificates[i];
    TlsServerOptions one;
    one.certificates = {files};
    const auto made = TlsServer::make(std::move(one));
    if (made) continue;
    const bool key_alone = files.key != files.certificate && is_about(made.error(), files.key);
    mistakes.push_back({fmt::format("{}/{}{}", port.places.certificates, i, key_alone ? "/key" : ""),
                        made.error(), std::string(pair_form)});
  }
  TlsServerOptions only_ca;
  only_ca.client_ca = port.tls.client_ca;
  if (const auto made = TlsServer::make(std::move(only_ca)); !made) {
    mistakes.push_back({port.places.client_ca, made.error(), std::string(ca_form)});
  }
  return mistakes;
}

std::shared_ptr<TlsServer> load_server(const PortSpec& port, std::vector<SpecError>& mistakes) {
  if (port.protocol != Protocol::https) return nullptr;
  // Those of the node come later.
  const bool own = !port.tls.certificates.empty();
  auto server = own ? TlsServer::make(port.tls) : TlsServer::make(port.tls, {});
  if (server) return std::move(*server);
  auto found = look_at_each(port);
  // Replaced between the two readings, so that each is right by now: the next start will tell.
  if (found.empty()) found.push_back({port.places.certificates, server.error(), std::string(pair_form)});
  mistakes.insert(mistakes.end(), found.begin(), found.end());
  return nullptr;
}

std::shared_ptr<const TlsClient> load_client(const PortSpec& port, std::vector<SpecError>& mistakes) {
  const bool is_http = port.protocol == Protocol::http || port.protocol == Protocol::https;
  if (!is_http || port.targets.empty() || port.target_tls == TlsClientOptions{}) return nullptr;
  auto client = TlsClient::make(port.target_tls);
  if (client) return std::move(*client);
  mistakes.push_back({port.places.target_ca, client.error(), std::string(ca_form)});
  return nullptr;
}

// Empty when it cannot be read, which whoever uses it has told.
std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

PortTls load_tls(const PortSpec& port, std::vector<SpecError>& mistakes) {
  PortTls tls{load_server(port, mistakes), load_client(port, mistakes), {}};
  if (tls.client && !port.target_tls.ca.empty()) tls.trust = text_of(port.target_tls.ca);
  return tls;
}

}  // namespace evenkeel::cli
