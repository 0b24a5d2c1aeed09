#include "config/protocols.hpp"

namespace evenkeel {

std::string_view to_string(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::http:
      return "http";
    case Protocol::https:
      return "https";
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
  std::string_view last;
  for (const Protocol protocol : all_protocols) {
    if (!protocols.contains(protocol)) continue;
    if (!last.empty()) text.append(text.empty() ? "" : ", ").append(last);
    last = to_string(protocol);
  }
  if (!text.empty()) text += " and ";
  return text.append(last);
}

std::string port_of(Protocol protocol) {
  return std::string(for_http.contains(protocol) ? "an " : "a ") + std::string(to_string(protocol)) + " port";
}

}  // namespace evenkeel::config
