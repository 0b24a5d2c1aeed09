#include "config/host_name.hpp"

#include <string_view>
#include <utility>

#include "base/target_url.hpp"
#include "config/listening.hpp"

namespace evenkeel::config {

std::optional<std::string> read_host_name(const Cursor& at) {
  constexpr std::string_view form = "a host name or an IP address, without a port";
  const auto text = at.string(form);
  if (!text) return std::nullopt;
  if (auto address = canonical_ip(*text)) return address;
  auto name = base::read_authority(*text);
  if (name && !name->port && !text->starts_with('[')) return std::move(name->host);
  at.fail_value(std::string(form));
  return std::nullopt;
}

}  // namespace evenkeel::config
