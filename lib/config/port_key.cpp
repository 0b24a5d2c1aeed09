#include "config/port_key.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "config/nearest.hpp"
#include "config/protocols.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view protocol_names[] = {"http", "https", "tcp", "udp"};
static_assert(std::size(protocol_names) == std::size(all_protocols));

constexpr std::string_view form = "a port and a protocol, such as \"80/http\"";

// One spelling a port: "080" would be another key for the same thing.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('0')) return std::nullopt;
  return port;
}

struct Range {
  std::uint16_t first;
  std::uint16_t last;
};

std::optional<Range> parse_range(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return Range{*first, *last};
}

// `text` is `range` as the key has it.
void check_range(std::string_view text, const Range& range, Protocol protocol, const Cursor& at) {
  if (!text.contains('-')) return;
  if (for_http.contains(protocol)) {
    at.fail(port_of(protocol) + " cannot be a range",
            fmt::format("one port, such as \"{}/{}\"", range.first, to_string(protocol)));
  } else if (range.first >= range.last) {
    at.fail(fmt::format("the range {} does not ascend", in_quotes(text)),
            "the first port before the last, such as \"7000-7099\"");
  } else if (range.last - range.first >= max_port_range) {
    at.fail(fmt::format("the range {} has {} ports", in_quotes(text), range.last - range.first + 1),
            fmt::format("at most {}", max_port_range));
  }
}

}  // namespace

std::optional<PortKey> read_port_key(std::string_view key, const Cursor& at) {
  const std::size_t slash = key.find('/');
  const std::string_view number = key.substr(0, slash);
  const auto range = parse_range(number);
  if (slash == std::string_view::npos) {
    // TSDProxy reads a bare port as https; guessing either way would surprise someone.
    if (range)
      at.fail("the port has no protocol",
              fmt::format("it written out, such as \"{}/{}\"", key, key.contains('-') ? "tcp" : "http"));
    if (!range) at.fail(fmt::format("{} is not a port", in_quotes(key)), std::string(form));
    return std::nullopt;
  }
  if (!range) {
    at.fail(fmt::format("{} is not a port", in_quotes(number)), "a port from 1 to 65535 before the \"/\"");
  }

  const std::string_view name = key.substr(slash + 1);
  const auto* const known =
      std::ranges::find_if(all_protocols, [&](Protocol protocol) { return to_string(protocol) == name; });
  if (known == std::end(all_protocols)) {
    at.fail(fmt::format("unknown protocol {}{}", in_quotes(name), did_you_mean(name, protocol_names)),
            one_of(protocol_names));
    return std::nullopt;
  }
  if (!range) return std::nullopt;
  check_range(number, *range, *known, at);
  const int count = std::clamp(range->last - range->first + 1, 1, int{max_port_range});
  return PortKey{range->first, static_cast<std::uint16_t>(count), *known};
}

}  // namespace evenkeel::config
