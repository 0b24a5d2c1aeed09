#include "certificate_text.hpp"

#include <charconv>

#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

constexpr std::chrono::days warn_before{14};

std::optional<int> read_number(std::string_view digits) noexcept {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<std::chrono::sys_days> read_date(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = read_number(text.substr(0, 4));
  const auto month = read_number(text.substr(5, 2));
  const auto day = read_number(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

}  // namespace

std::optional<CertificateText> read_certificate_text(std::string_view line) {
  constexpr std::string_view mark = ", until ";
  const std::size_t at = line.rfind(mark);  // a name may hold anything
  if (at == std::string_view::npos) return std::nullopt;
  const auto until = read_date(line.substr(at + mark.size()));
  if (!until) return std::nullopt;
  return CertificateText{std::string(line.substr(0, at)), *until};
}

std::string date_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string expiry_warning(const CertificateText& certificate, std::chrono::sys_days today) {
  if (certificate.until < today) return "expired on " + date_text(certificate.until);
  if (certificate.until > today + warn_before) return {};
  return "expires on " + date_text(certificate.until);
}

}  // namespace evenkeel::cli
