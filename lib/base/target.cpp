#include "evenkeel/target.hpp"

#include "base/target_url.hpp"

namespace evenkeel {
namespace {

void append_host(std::string& out, const std::string& host) {
  const bool v6 = host.contains(':');
  if (v6) out += '[';
  out += host;
  if (v6) out += ']';
}

bool is_default_port(const Target& target) noexcept {
  return (target.scheme == Scheme::http && target.port == 80) ||
         (target.scheme == Scheme::https && target.port == 443);
}

}  // namespace

std::string_view to_string(Scheme scheme) noexcept {
  switch (scheme) {
    case Scheme::http:
      return "http";
    case Scheme::https:
      return "https";
    case Scheme::tcp:
      return "tcp";
    case Scheme::udp:
      return "udp";
  }
  return "unknown";
}

std::string_view to_string(AdminState state) noexcept {
  switch (state) {
    case AdminState::enabled:
      return "enabled";
    case AdminState::draining:
      return "draining";
    case AdminState::disabled:
      return "disabled";
  }
  return "unknown";
}

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
    case Health::ejected:
      return "ejected";
  }
  return "unknown";
}

// The scheme is left out for a socket path: within one pool it is always the same.
std::string Target::id() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  std::string text(is_service ? "srv+" : "");
  text += to_string(scheme);
  text += "://";
  append_host(text, host);
  if (is_service) return text;
  text += ':';
  text += std::to_string(port);
  if (port_count > 1) text += '-' + std::to_string(port + port_count - 1);
  return text;
}

std::string Target::authority() const {
  if (!unix_path.empty()) return "localhost";
  std::string text;
  append_host(text, name.empty() ? host : name);
  if (is_default_port(*this)) return text;
  text += ':';
  text += std::to_string(port);
  return text;
}

Result<Target> Target::parse(std::string_view url, Scheme fallback) {
  auto target = base::read_target_url(url, fallback);
  if (!target) return std::unexpected(Error{ErrorCode::invalid_url, Fault::us, false, 0});
  return std::move(*target);
}

}  // namespace evenkeel
