#include "config/listening.hpp"

#include <arpa/inet.h>
#include <array>

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

bool is_v6(std::string_view ip) noexcept {
  return ip.contains(':');
}
bool is_wildcard(std::string_view ip) noexcept {
  return ip == "0.0.0.0" || ip == "::";
}

// The listeners are IPV6_V6ONLY: "::" leaves IPv4 alone.
bool overlap(std::string_view a, std::string_view b) noexcept {
  return a == b || (is_v6(a) == is_v6(b) && (is_wildcard(a) || is_wildcard(b)));
}

}  // namespace

std::optional<std::string> canonical_ip(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (text.size() >= buffer.size() || text.contains('\0')) return std::nullopt;
  text.copy(buffer.data(), text.size());
  const int family = is_v6(text) ? AF_INET6 : AF_INET;
  if (inet_pton(family, buffer.data(), address.data()) != 1) return std::nullopt;
  return inet_ntop(family, address.data(), buffer.data(), buffer.size());
}

void Listening::add(const std::string& listen, const PortKey& key, const Cursor& at) {
  const bool udp = key.protocol == PortProtocol::udp;
  std::vector<Listener>& others = by_port_[key.port];
  for (const Listener& other : others) {
    if (other.udp != udp || !overlap(other.listen, listen)) continue;
    return at.fail(fmt::format("listens where {} does ({} port {})", other.pointer, other.listen, key.port),
                   "another port, or another \"listen\" address");
  }
  others.push_back({listen, udp, at.place().pointer});
}

}  // namespace evenkeel::config
