#include "config/check_type.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

constexpr std::array<std::string_view, 3> type_names{"http", "tcp", "udp"};
constexpr std::array types{CheckType::http, CheckType::tcp, CheckType::udp};

constexpr std::string_view http_only[] = {"method", "path", "host", "expect"};
constexpr std::string_view bytes_only[] = {"send", "receive"};

std::string_view name_of(CheckType type) noexcept {
  const auto* const found = std::ranges::find(types, type);
  return found == types.end() ? "none" : type_names[static_cast<std::size_t>(found - types.begin())];
}

std::optional<Cursor> first_of(const Cursor& health, std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (auto value = health.member(key)) return value;
  }
  return std::nullopt;
}

std::optional<CheckType> asked(const Cursor& health) {
  if (const auto type = health.member("type")) {
    for (std::size_t i = 0; i < type_names.size(); ++i) {
      if (type->json() == type_names[i]) return types[i];
    }
    return std::nullopt;
  }
  if (first_of(health, http_only)) return CheckType::http;
  return std::nullopt;
}

bool is_inherited_by(CheckType type, Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::http:
    case Protocol::https:
      return type == CheckType::http || type == CheckType::tcp;
    case Protocol::tcp:
      return type == CheckType::tcp;
    case Protocol::udp:
      return type == CheckType::udp;
  }
  return false;
}

void forget_bytes(HealthOptions& health) {
  health.send.clear();
  health.receive.clear();
}

void refuse_keys(const Cursor& health, CheckType type, std::span<const std::string_view> keys,
                 std::string_view right_types) {
  for (const std::string_view key : keys) {
    if (const auto value = health.member(key)) {
      value->fail(fmt::format("has no meaning in a check of type \"{}\"", name_of(type)),
                  fmt::format("type {}, or no \"{}\"", right_types, key));
    }
  }
}

}  // namespace

void read_check_type(const Cursor& at, HealthOptions& health) {
  if (const auto index = at.choice("check type", type_names)) health.type = types[*index];
}

void settle_check(const Cursor& health, Settings& settings) {
  const auto type = asked(health);
  if (!type) {
    if (settings.check == CheckType::http && first_of(health, bytes_only)) settings.check.reset();
    return;
  }
  // What an outer level wanted to send was for its own kind of check.
  if (settings.check && settings.check != type) forget_bytes(settings.health);
  settings.check = type;
  if (*type == CheckType::http) {
    refuse_keys(health, *type, bytes_only, "\"tcp\" or \"udp\"");
  } else {
    refuse_keys(health, *type, http_only, "\"http\"");
  }
}

void inherit_check(const Cursor& port, Protocol protocol, Settings& settings) {
  if (!settings.check || is_inherited_by(*settings.check, protocol)) return;
  const auto own = port.member("health");
  if (own && own->json().is_object() && asked(*own)) return;
  settings.check.reset();
  settings.health.port.reset();
  forget_bytes(settings.health);
}

void refuse_check(const Cursor& port, Protocol protocol, const Settings& settings) {
  const auto own = port.member("health");
  if (!own || !own->json().is_object()) return;
  const auto type = asked(*own);
  if (!type) return;
  const bool udp_port = protocol == Protocol::udp;
  // Another service of the same target may speak for a udp port.
  const bool right = *type == CheckType::udp ? udp_port : !udp_port || settings.health.port;
  if (right) return;
  const auto place = own->has("type") ? own->member("type") : first_of(*own, http_only);
  place->fail(
      fmt::format("asks for {} {} check of {}", *type == CheckType::http ? "an" : "a", name_of(*type),
                  port_of(protocol)),
      udp_port ? "a udp check, or a \"port\" where the target answers this one" : "a tcp or an http check");
}

CheckType check_of(const Settings& settings, Protocol protocol) noexcept {
  return settings.check.value_or(protocol == Protocol::udp ? CheckType::udp : CheckType::tcp);
}

}  // namespace evenkeel::config
