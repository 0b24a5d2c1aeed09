#include "spec_diff.hpp"

#include <string_view>

namespace evenkeel::cli {
namespace {

bool is_stream(const PortSpec& port) noexcept {
  return port.protocol != Protocol::udp;
}

bool is_wildcard(std::string_view ip) noexcept {
  return ip == "0.0.0.0" || ip == "::";
}

// The listeners of "::" leave IPv4 alone.
bool is_same_address(std::string_view a, std::string_view b) noexcept {
  return a == b || (a.contains(':') == b.contains(':') && (is_wildcard(a) || is_wildcard(b)));
}

}  // namespace

bool is_same_place(const PortSpec& a, const PortSpec& b) {
  if (is_stream(a) != is_stream(b) || a.port != b.port || a.port_count != b.port_count) return false;
  if (a.tailnet.mode != TailnetMode::off || b.tailnet.mode != TailnetMode::off) return a.tailnet == b.tailnet;
  return a.listen == b.listen;
}

bool overlap(const PortSpec& a, const PortSpec& b) noexcept {
  return is_stream(a) == is_stream(b) && is_same_address(a.listen, b.listen) &&
         a.port < b.port + b.port_count && b.port < a.port + a.port_count;
}

PortChanges changes(const PortSpec& before, const PortSpec& after) {
  PortChanges changed;
  changed.targets = before.targets != after.targets;
  changed.pool = before.pool != after.pool;
  // A monitor knows its targets' kind: one without targets has none.
  changed.health = before.health != after.health || before.outlier != after.outlier ||
                   before.target_tls != after.target_tls || before.targets.empty() != after.targets.empty();
  changed.proxies = before.protocol != after.protocol || before.strategy != after.strategy ||
                    before.hash_balance_factor != after.hash_balance_factor || before.http != after.http ||
                    before.tcp != after.tcp || before.udp != after.udp || before.tls != after.tls ||
                    before.target_tls != after.target_tls ||
                    before.identity_headers != after.identity_headers || before.allow != after.allow;
  return changed;
}

}  // namespace evenkeel::cli
