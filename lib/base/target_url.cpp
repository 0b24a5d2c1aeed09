#include "base/target_url.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace evenkeel::base {
namespace {

constexpr std::size_t max_host = 253;
constexpr std::size_t max_label = 63;
constexpr std::size_t max_unix_path = 107;  // sockaddr_un::sun_path, less the final NUL

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::unexpected<std::string_view> reason(std::string_view text) noexcept {
  return std::unexpected(text);
}

// Underscores are not for hosts in DNS, but Docker Compose names services with them.
bool is_label(std::string_view label) noexcept {
  return !label.empty() && label.size() <= max_label && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

OrReason<std::string> read_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  in6_addr address{};
  // The copy below ends in NUL, so one inside the text would cut it short.
  if (text.size() >= buffer.size() || text.contains('\0')) return reason("is not an IPv6 address");
  text.copy(buffer.data(), text.size());
  if (inet_pton(AF_INET6, buffer.data(), &address) != 1) return reason("is not an IPv6 address");
  return inet_ntop(AF_INET6, &address, buffer.data(), buffer.size());
}

// A last label of digits makes it an IPv4 address. Resolvers disagree about short and octal forms
// ("127.1", "010.0.0.1"), so only the plain one is allowed.
bool is_plain_ipv4(const std::string& host) noexcept {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

OrReason<std::string> read_name(std::string_view text) {
  if (text.empty()) return reason("has no host");
  if (text.size() > max_host) return reason("has a host that is longer than 253 characters");
  std::string_view rest = text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  std::string_view label;
  do {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    label = rest.substr(0, dot);
    if (!is_label(label)) return reason("has a host that is not a name or an IP address");
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  } while (!rest.empty());
  std::string host = lower(text);
  if (std::ranges::all_of(label, is_digit) && !is_plain_ipv4(host))
    return reason("has a host that is not an IPv4 address");
  return host;
}

OrReason<std::uint16_t> read_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return reason("has a port that is not a number from 1 to 65535");
  }
  return port;
}

OrReason<Target> read_unix(std::string_view path, Scheme scheme) {
  if (path.starts_with("///")) path.remove_prefix(2);  // unix:///run/app.sock, as Docker writes it
  if (!path.starts_with('/')) return reason("has a socket path that does not start with \"/\"");
  if (path.starts_with("//")) return reason("has a host before its socket path");
  if (path.ends_with('/')) return reason("has a socket path that is a directory");
  if (path.size() > max_unix_path) return reason("has a socket path that is longer than 107 bytes");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(path, is_control)) return reason("has a control character in its socket path");
  Target target;
  target.scheme = scheme;
  target.unix_path = path;
  return target;
}

std::optional<Scheme> scheme_of(std::string_view name) {
  for (const Scheme scheme : {Scheme::http, Scheme::https, Scheme::tcp, Scheme::udp}) {
    if (lower(name) == to_string(scheme)) return scheme;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> default_port(Scheme scheme) noexcept {
  if (scheme == Scheme::http) return std::uint16_t{80};
  if (scheme == Scheme::https) return std::uint16_t{443};
  return std::nullopt;
}

// The two ends of "host:7000-7099": what stands before the dash, and the last port. No dash behind the
// last colon: one port.
struct Ends {
  std::string_view front;
  std::optional<std::string_view> last;
};

Ends split_range(std::string_view text) noexcept {
  const std::size_t colon = text.find_last_of(":]");  // a "]" means that no port follows
  if (colon == std::string_view::npos || text[colon] == ']') return {text, std::nullopt};
  const std::size_t dash = text.find('-', colon);
  if (dash == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, dash), text.substr(dash + 1)};
}

OrReason<std::uint16_t> count_ports(std::uint16_t first, std::string_view last_text, Scheme scheme) noexcept {
  if (scheme != Scheme::tcp && scheme != Scheme::udp) {
    return reason("has a range of ports, which only tcp and udp targets can have");
  }
  const auto last = read_port(last_text);
  if (!last) return last;
  if (*last <= first) return reason("has a range of ports that does not ascend");
  if (*last - first >= max_port_range) return reason("has a range of more than 1000 ports");
  return static_cast<std::uint16_t>(*last - first + 1);
}
static_assert(max_port_range == 1'000, "a reason above says so");

OrReason<Target> read_place(std::string_view text, Scheme scheme, std::optional<std::uint16_t> port) {
  if (text.contains('@')) return reason("has user information");
  if (text.contains('?')) return reason("has a query");
  if (text.contains('#')) return reason("has a fragment");
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.contains('/')) return reason("has a path");
  const Ends ends = split_range(text);
  auto authority = read_authority(ends.front);
  if (!authority) return std::unexpected(authority.error());
  if (authority->port) port = authority->port;
  if (!port) return reason("has no port");
  Target target;
  target.scheme = scheme;
  target.host = std::move(authority->host);
  target.port = *port;
  if (ends.last) {
    const auto count = count_ports(*port, *ends.last, scheme);
    if (!count) return std::unexpected(count.error());
    target.port_count = *count;
  }
  return target;
}

// "_web._tcp.example": DNS knows the ports.
OrReason<Target> read_service(std::string_view text, Scheme scheme) {
  if (text.find_first_of("@?#/") != std::string_view::npos)
    return reason("has more than the name of a service");
  if (text.contains(':')) return reason("has a port, which SRV records tell");
  auto name = read_name(text);
  if (!name) return std::unexpected(name.error());
  if (is_plain_ipv4(*name)) return reason("has an address instead of the name of a service");
  Target target;
  target.scheme = scheme;
  target.host = *std::move(name);
  target.is_service = true;
  return target;
}

}  // namespace

OrReason<Authority> read_authority(std::string_view text) {
  Authority authority;
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos) return reason("has a \"[\" without its \"]\"");
  auto host = bracketed ? read_ipv6(text.substr(1, host_end - 1)) : read_name(text.substr(0, host_end));
  if (!host) return std::unexpected(host.error());
  authority.host = std::move(*host);

  const std::string_view rest = text.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return authority;
  if (!bracketed && rest.find(':', 1) != std::string_view::npos) {
    return reason("has an IPv6 address without brackets, or two ports");
  }
  if (!rest.starts_with(':')) return reason("has more after the \"]\" than a port");
  const auto port = read_port(rest.substr(1));
  if (!port) return std::unexpected(port.error());
  authority.port = *port;
  return authority;
}

OrReason<Target> read_target_url(std::string_view url, Scheme fallback) {
  constexpr std::string_view unix_prefix = "unix:";
  constexpr std::string_view service_prefix = "srv+";
  if (lower(url.substr(0, unix_prefix.size())) == unix_prefix) {
    return read_unix(url.substr(unix_prefix.size()), fallback);
  }
  const std::size_t mark = url.find("://");
  if (mark == std::string_view::npos) return read_place(url, fallback, std::nullopt);
  const bool is_service = lower(url.substr(0, service_prefix.size())) == service_prefix;
  const std::size_t start = is_service ? service_prefix.size() : 0;
  const auto scheme = scheme_of(url.substr(start, mark - start));
  if (!scheme) return reason("has an unknown scheme");
  if (is_service) return read_service(url.substr(mark + 3), *scheme);
  return read_place(url.substr(mark + 3), *scheme, default_port(*scheme));
}

}  // namespace evenkeel::base
