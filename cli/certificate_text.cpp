#include "certificate_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace evenkeel::cli {
namespace {

constexpr std::chrono::days warn_before{14};

}  // namespace

std::string names_text(const CertificateInfo& certificate) {
  return fmt::format("{}", fmt::join(certificate.names, ", "));
}

std::string date_text(std::chrono::sys_seconds time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string expiry_warning(const CertificateInfo& certificate, std::chrono::sys_seconds now) {
  if (certificate.not_after < now) return "expired on " + date_text(certificate.not_after);
  if (certificate.not_after > now + warn_before) return {};
  return "expires on " + date_text(certificate.not_after);
}

}  // namespace evenkeel::cli
