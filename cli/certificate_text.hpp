// The lines of TlsServer::describe(), taken apart: what a certificate is for, and until when.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace evenkeel::cli {

struct CertificateText {
  std::string names;  // "app.example.com, *.example.com"
  std::chrono::sys_days until;
};

// "app.example.com, *.example.com, until 2027-01-31".
std::optional<CertificateText> read_certificate_text(std::string_view line);

// "2027-01-31".
std::string date_text(std::chrono::sys_days day);

// "expired on 2027-01-31", "expires on 2027-01-31"; "" while there is time left to replace it.
std::string expiry_warning(const CertificateText& certificate, std::chrono::sys_days today);

}  // namespace evenkeel::cli
