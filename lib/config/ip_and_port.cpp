#include "config/ip_and_port.hpp"

#include <charconv>

#include "config/listening.hpp"

namespace evenkeel::config {

std::optional<IpAndPort> read_ip_and_port(std::string_view text) {
  if (auto alone = canonical_ip(text)) return IpAndPort{*std::move(alone), 0};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (in_brackets != host.contains(':')) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  auto ip = canonical_ip(host);
  if (!ip || error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return IpAndPort{*std::move(ip), port};
}

}  // namespace evenkeel::config
