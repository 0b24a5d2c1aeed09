#include "config/port_key.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "config/nearest.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view protocol_names[] = {"http", "https", "tcp", "udp"};
constexpr std::string_view form = "a port and a protocol, such as \"80/http\"";

// One spelling a port: "080" would be another key for the same thing.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('0')) return std::nullopt;
  return port;
}

bool is_range(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  return dash != std::string_view::npos && parse_port(text.substr(0, dash)) &&
         parse_port(text.substr(dash + 1));
}

void refuse_number(std::string_view number, const Cursor& at) {
  if (is_range(number)) {
    return at.fail("port ranges are not supported by this version", std::string(form));
  }
  at.fail(fmt::format("{} is not a port", in_quotes(number)), "a port from 1 to 65535 before the \"/\"");
}

}  // namespace

std::optional<PortKey> read_port_key(std::string_view key, const Cursor& at) {
  const std::size_t slash = key.find('/');
  const auto port = parse_port(key.substr(0, slash));
  if (slash == std::string_view::npos) {
    // TSDProxy reads a bare port as https; guessing either way would surprise someone.
    if (port) at.fail("the port has no protocol", fmt::format("it written out, such as \"{}/http\"", *port));
    if (!port) at.fail(fmt::format("{} is not a port", in_quotes(key)), std::string(form));
    return std::nullopt;
  }
  if (!port) refuse_number(key.substr(0, slash), at);

  const std::string_view name = key.substr(slash + 1);
  const auto* const known = std::ranges::find(protocol_names, name);
  if (known == std::end(protocol_names)) {
    at.fail(fmt::format("unknown protocol {}{}", in_quotes(name), did_you_mean(name, protocol_names)),
            "\"http\"");
    return std::nullopt;
  }
  const auto protocol = static_cast<PortProtocol>(known - std::begin(protocol_names));
  if (protocol != PortProtocol::http) {
    at.fail(fmt::format("{} ports are not supported by this version", name), "\"http\"");
  }
  if (!port) return std::nullopt;
  return PortKey{*port, protocol};
}

}  // namespace evenkeel::config
