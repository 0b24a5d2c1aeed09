// What a certificate says of itself, in words.
#pragma once

#include <chrono>
#include <string>

#include "evenkeel/tls.hpp"

namespace evenkeel::cli {

// "app.example.com, *.example.com".
std::string names_text(const CertificateInfo& certificate);

// "2027-01-31".
std::string date_text(std::chrono::sys_seconds time);

// "expired on 2027-01-31", "expires on 2027-01-31"; "" while there is time left to replace it.
std::string expiry_warning(const CertificateInfo& certificate, std::chrono::sys_seconds now);

}  // namespace evenkeel::cli
