#include "config/protocols.hpp"

namespace evenkeel {

std::string_view to_string(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::http:
      return "http";
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
  }
  return "unknown";
}

}  // namespace evenkeel

namespace evenkeel::config {

std::string names_of(Protocols protocols) {
  std::string text;
  for (const Protocol protocol : all_protocols) {
    if (!protocols.contains(protocol)) continue;
    if (!text.empty()) text += " and ";
    text += to_string(protocol);
  }
  return text;
}

std::string port_of(Protocol protocol) {
  return std::string(protocol == Protocol::http ? "an " : "a ") + std::string(to_string(protocol)) + " port";
}

}  // namespace evenkeel::config
