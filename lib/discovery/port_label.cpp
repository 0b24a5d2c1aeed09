#include "discovery/port_label.hpp"

#include <algorithm>
#include <charconv>

namespace evenkeel::discovery {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct Side {
  std::string_view ports;  // "3000", "7000-7099"
  std::string_view protocol;
};

Side split_side(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {trim(text), {}};
  return {trim(text.substr(0, slash)), trim(text.substr(slash + 1))};
}

std::optional<std::string_view> read_target(std::string_view text, PortLabel& label) {
  const Side side = split_side(text);
  const std::size_t dash = side.ports.find('-');
  const auto first = read_port_number(side.ports.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : read_port_number(side.ports.substr(dash + 1));
  if (!first || !last || *last < *first) return "has a target that is not a port, or ports that ascend";
  label.first = *first;
  label.last = *last;
  if (!side.protocol.empty()) label.scheme = side.protocol;
  return std::nullopt;
}

// A bare port is an https one, as for TSDProxy.
void read_front(std::string_view text, PortLabel& label) {
  const Side side = split_side(text);
  const std::string_view protocol = side.protocol.empty() ? "https" : side.protocol;
  label.key = std::string(side.ports) + '/' + std::string(protocol);
  label.scheme = protocol == "tcp" || protocol == "udp" ? protocol : "http";
}

}  // namespace

std::optional<std::uint16_t> read_port_number(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = trim(text.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

base::OrReason<PortLabel> read_port_label(std::string_view value) {
  const std::vector<std::string> parts = split_list(value);
  if (parts.empty()) return std::unexpected("is empty");
  PortLabel label;
  const std::string_view mapping = parts[0];
  const std::size_t arrow = mapping.find("->");
  const std::size_t colon = mapping.find(':');
  read_front(mapping.substr(0, std::min(arrow, colon)), label);
  if (arrow != std::string_view::npos) {
    label.redirect = trim(mapping.substr(arrow + 2));
    if (label.redirect.empty()) return std::unexpected("has no URL behind its \"->\"");
  } else if (colon != std::string_view::npos) {
    if (const auto wrong = read_target(mapping.substr(colon + 1), label)) return std::unexpected(*wrong);
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const std::size_t equals = part.find('=');
    const std::string_view option =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    label.options.emplace_back(trim(part.substr(0, equals)), trim(option));
  }
  return label;
}

}  // namespace evenkeel::discovery
