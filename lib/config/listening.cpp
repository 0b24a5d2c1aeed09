#include "config/listening.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

constexpr std::string_view host_prefix = "the tailnet addresses of this machine";
constexpr std::string_view node_prefix = "node ";

bool is_v6(std::string_view ip) noexcept {
  return ip.contains(':');
}
bool is_wildcard(std::string_view ip) noexcept {
  return ip == "0.0.0.0" || ip == "::";
}

// The listeners are IPV6_V6ONLY: "::" leaves IPv4 alone.
bool overlap(std::string_view a, std::string_view b) noexcept {
  if (a == b) return true;
  if (a.starts_with(node_prefix) || b.starts_with(node_prefix)) return false;
  if (a.starts_with(host_prefix) || b.starts_with(host_prefix)) return is_wildcard(a) || is_wildcard(b);
  return is_v6(a) == is_v6(b) && (is_wildcard(a) || is_wildcard(b));
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

std::string Listening::host(std::string_view socket) {
  std::string place(host_prefix);
  if (!socket.empty()) place.append(" by ").append(socket);
  return place;
}

std::string Listening::node(std::string_view hostname, std::string_view control_url) {
  std::string place = std::string(node_prefix).append(hostname);
  if (!control_url.empty()) place.append(" of ").append(control_url);
  return place;
}

// No range is longer than max_port_range, so one that reaches into ours begins not far before it.
void Listening::add(const std::string& listen, const PortKey& key, const Cursor& at) {
  const bool udp = key.protocol == Protocol::udp;
  const auto last = static_cast<std::uint16_t>(std::min(key.port + key.count - 1, 65'535));
  const auto reach = static_cast<std::uint16_t>(std::max(key.port - max_port_range + 1, 0));
  for (auto other = by_first_.lower_bound(reach); other != by_first_.end() && other->first <= last; ++other) {
    const Listener& there = other->second;
    if (there.last < key.port || there.udp != udp || !overlap(there.listen, listen)) continue;
    return at.fail(fmt::format("listens where {} does ({} port {})", there.pointer, there.listen,
                               std::max(other->first, key.port)),
                   "another port, or another \"listen\" address");
  }
  by_first_.emplace(key.port, Listener{listen, udp, last, at.place().pointer});
}

}  // namespace evenkeel::config
