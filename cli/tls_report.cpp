#include "tls_report.hpp"

#include <string_view>

#include <fmt/format.h>

#include "certificate_text.hpp"

namespace evenkeel::cli {
namespace {

std::string_view name_of(TlsVersion version) noexcept {
  return version == TlsVersion::tls13 ? "1.3" : "1.2";
}

std::string_view client_certificates(const TlsServerOptions& options) noexcept {
  if (options.client_ca.empty()) return "none";
  return options.client_cert_required ? "required" : "optional";
}

Json certificates_json(const PortSpec& port, const TlsServer& server) {
  Json all = Json::array();
  const auto shown = server.certificates();
  for (std::size_t i = 0; i < shown.size() && i < port.tls.certificates.size(); ++i) {
    all.push_back({{"certificate", port.tls.certificates[i].certificate},
                   {"names", shown[i].names},
                   {"until", date_text(shown[i].not_after)}});
  }
  return all;
}

}  // namespace

std::string tls_text(const PortSpec& port, const PortTls& tls) {
  if (!tls.server) return {};
  const TlsServerOptions& options = port.tls;
  std::string text = fmt::format("TLS {} or newer", name_of(options.min_version));
  for (const CertificateInfo& certificate : tls.server->certificates()) {
    text += fmt::format(", certificate for {} until {}", names_text(certificate),
                        date_text(certificate.not_after));
  }
  if (!options.client_ca.empty()) {
    text += fmt::format(", client certificates {}", client_certificates(options));
  }
  if (options.session_lifetime.count() == 0) text += ", no session tickets";
  if (!port.http.hsts.empty()) text += ", HSTS " + port.http.hsts;
  return text;
}

Json tls_json(const PortSpec& port, const PortTls& tls) {
  if (!tls.server) return nullptr;
  const TlsServerOptions& options = port.tls;
  Json json{{"min_version", name_of(options.min_version)},
            {"certificates", certificates_json(port, *tls.server)},
            {"client_certificates", client_certificates(options)},
            {"session_lifetime_ms", std::chrono::milliseconds(options.session_lifetime).count()},
            {"ticket_rotation_ms", std::chrono::milliseconds(options.ticket_rotation).count()},
            {"handshake_ms", port.http.timeouts.handshake.count()}};
  if (!options.client_ca.empty()) json["client_ca"] = options.client_ca;
  if (!port.http.hsts.empty()) json["hsts"] = port.http.hsts;
  return json;
}

std::string target_tls_text(const PortSpec& port, const PortTls& tls) {
  if (!tls.client) return {};
  const std::string cas = port.target_tls.ca.empty() ? "the system's CAs" : port.target_tls.ca;
  return fmt::format("https targets by {}, TLS {} or newer", cas, name_of(port.target_tls.min_version));
}

Json target_tls_json(const PortSpec& port, const PortTls& tls) {
  if (!tls.client) return nullptr;
  return {{"ca", port.target_tls.ca}, {"min_version", name_of(port.target_tls.min_version)}};
}

}  // namespace evenkeel::cli
