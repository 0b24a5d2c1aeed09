#include "config/tls_reader.hpp"

#include <utility>

#include "config/syntax.hpp"

namespace evenkeel::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view file_form = "a path, such as \"/etc/evenkeel/app.pem\"";

std::optional<std::string> read_path(const Cursor& at) {
  auto path = at.string(file_form);
  if (!path || (!path->empty() && !path->contains('\0'))) return path;
  at.fail_value(std::string(file_form));
  return std::nullopt;
}

template <auto Member>
void read_file(const Cursor& at, CertificateFiles& files) {
  if (auto path = read_path(at)) files.*Member = std::move(*path);
}

// Every mistake in it is reported; what is returned then is of no use.
CertificateFiles read_certificate(const Cursor& at) {
  CertificateFiles files;
  if (!at.is_object("an object with \"certificate\" and \"key\"")) return files;
  read_members(at, Table<CertificateFiles>{certificate_fields(), files});
  for (const auto& field : certificate_fields()) {
    if (!at.has(field.key)) at.fail("has no " + in_quotes(field.key), std::string(file_form));
  }
  return files;
}

void read_certificates(const Cursor& at, Settings& settings) {
  settings.has_certificates = true;
  settings.places.certificates = at.place().pointer;
  if (!at.is_array(
          "an array of certificates, such as [{\"certificate\": \"app.pem\", \"key\": \"app.key\"}]"))
    return;
  if (at.json().empty()) return at.fail("is empty", "at least one certificate");
  std::vector<CertificateFiles> certificates;
  at.each_element([&](const Cursor& element) { certificates.push_back(read_certificate(element)); });
  settings.tls.certificates = std::move(certificates);
}

void read_version(const Cursor& at, TlsVersion& out) {
  static constexpr std::string_view names[] = {"1.2", "1.3"};
  static constexpr TlsVersion versions[] = {TlsVersion::tls12, TlsVersion::tls13};
  if (const auto index = at.choice("version of TLS", names)) out = versions[*index];
}

void read_min_version(const Cursor& at, Settings& settings) {
  read_version(at, settings.tls.min_version);
}

void read_client_ca(const Cursor& at, Settings& settings) {
  if (at.json() == false) return settings.tls.client_ca.clear();
  auto path = read_path(at);
  if (!path) return;
  settings.tls.client_ca = std::move(*path);
  settings.places.client_ca = at.place().pointer;
}

void read_client_certificates(const Cursor& at, Settings& settings) {
  static constexpr std::string_view names[] = {"required", "optional"};
  if (const auto index = at.choice("demand", names)) settings.tls.client_cert_required = *index == 0;
}

// A ticket tells its lifetime in seconds: less than one would silently become none.
void read_session_lifetime(const Cursor& at, Settings& settings) {
  const auto value = at.duration(milliseconds(0));
  if (!value) return;
  if (*value % seconds(1) != milliseconds(0)) {
    return at.fail_value("whole seconds, or \"0s\" for no tickets");
  }
  settings.tls.session_lifetime = std::chrono::duration_cast<seconds>(*value);
}

void read_ticket_rotation(const Cursor& at, Settings& settings) {
  const auto value = at.duration(milliseconds(0));
  if (!value) return;
  if (*value < std::chrono::minutes(1) || *value % seconds(1) != milliseconds(0)) {
    return at.fail_value("whole seconds, at least \"1m\"");
  }
  settings.tls.ticket_rotation = std::chrono::duration_cast<seconds>(*value);
}

void read_target_ca(const Cursor& at, Settings& settings) {
  auto path = read_path(at);
  if (!path) return;
  settings.target_tls.ca = std::move(*path);
  settings.places.target_ca = at.place().pointer;
}

void read_target_min_version(const Cursor& at, Settings& settings) {
  read_version(at, settings.target_tls.min_version);
}

}  // namespace

std::span<const Field<Settings>> tls_fields() noexcept {
  static constexpr Field<Settings> fields[] = {
      {"certificates", read_certificates},
      {"minVersion", read_min_version},
      {"clientCa", read_client_ca},
      {"clientCertificates", read_client_certificates},
      {"sessionLifetime", read_session_lifetime},
      {"ticketRotation", read_ticket_rotation},
  };
  return fields;
}

std::span<const Field<CertificateFiles>> certificate_fields() noexcept {
  static constexpr Field<CertificateFiles> fields[] = {
      {"certificate", read_file<&CertificateFiles::certificate>},
      {"key", read_file<&CertificateFiles::key>},
  };
  return fields;
}

std::span<const Field<Settings>> target_tls_fields() noexcept {
  static constexpr Field<Settings> fields[] = {
      {"ca", read_target_ca},
      {"minVersion", read_target_min_version},
  };
  return fields;
}

void read_tls(const Cursor& at, Settings& settings) {
  read_object(at, tls_fields(), settings);
}

void read_hsts(const Cursor& at, Settings& settings) {
  constexpr std::string_view form =
      "a value of Strict-Transport-Security, such as \"max-age=31536000\", or false";
  if (at.json() == false) {
    settings.http.hsts.clear();
  } else if (auto value = at.string(form)) {
    if (!is_hsts(*value)) return at.fail_value(std::string(form));
    settings.http.hsts = std::move(*value);
  }
}

void read_target_tls(const Cursor& at, Settings& settings) {
  read_object(at, target_tls_fields(), settings);
}

}  // namespace evenkeel::config
