#include "config/target_reader.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "base/target_url.hpp"

namespace evenkeel::config {
namespace {

constexpr std::size_t max_targets = 10'000;
constexpr std::string_view url_form = "a target such as \"http://10.0.0.1:8080\" or \"unix:/run/app.sock\"";

void read_state(const Cursor& at, Target& target) {
  static constexpr std::string_view names[] = {"enabled", "draining", "disabled"};
  static constexpr AdminState states[] = {AdminState::enabled, AdminState::draining, AdminState::disabled};
  if (const auto index = at.choice("state", names)) target.admin = states[*index];
}

Scheme scheme_of(std::optional<PortProtocol> protocol) noexcept {
  if (protocol == PortProtocol::tcp) return Scheme::tcp;
  if (protocol == PortProtocol::udp) return Scheme::udp;
  return Scheme::http;
}

bool fits(Scheme scheme, const Cursor& at, std::optional<PortProtocol> protocol) {
  if (protocol != PortProtocol::http || scheme == Scheme::http) return true;
  if (scheme == Scheme::https) {
    at.fail("https targets are not supported by this version", std::string(url_form));
  } else {
    at.fail(fmt::format("is a {} target of an http port", to_string(scheme)), std::string(url_form));
  }
  return false;
}

std::optional<Target> read_url(const Cursor& at, std::optional<PortProtocol> protocol) {
  const auto url = at.string(url_form);
  if (!url) return std::nullopt;
  if (url->contains(',')) {
    at.fail("holds a list in one string", "one string a target: [\"http://a:80\", \"http://b:80\"]");
    return std::nullopt;
  }
  auto target = base::read_target_url(*url, scheme_of(protocol));
  if (!target) {
    at.fail(in_quotes(*url) + ' ' + std::string(target.error()), std::string(url_form));
    return std::nullopt;
  }
  if (!fits(target->scheme, at, protocol)) return std::nullopt;
  return std::move(*target);
}

std::optional<Target> read_target(const Cursor& at, std::optional<PortProtocol> protocol) {
  if (at.json().is_string()) return read_url(at, protocol);
  if (!at.is_object("a URL, or an object with a \"url\"")) return std::nullopt;

  Target rest;
  read_members(at, Table<Target>{target_fields(), rest});
  const auto url = at.member("url");
  if (!url) {
    at.fail("has no \"url\"", std::string(url_form));
    return std::nullopt;
  }
  auto target = read_url(*url, protocol);
  if (!target) return std::nullopt;
  target->weight = rest.weight;
  target->tier = rest.tier;
  target->admin = rest.admin;
  return target;
}

}  // namespace

std::span<const Field<Target>> target_fields() noexcept {
  static constexpr Field<Target> fields[] = {
      {"url", read_later},
      {"weight", read_number<&Target::weight, 0, max_weight>},
      {"tier", read_number<&Target::tier, 0, 15>},
      {"state", read_state},
  };
  return fields;
}

std::vector<Target> read_targets(const Cursor& at, std::optional<PortProtocol> protocol) {
  std::vector<Target> targets;
  if (!at.is_array("an array of targets")) return targets;
  const std::size_t count = at.json().size();
  if (count == 0) at.fail("is empty", "at least one target");
  if (count > max_targets) {
    at.fail(fmt::format("holds {} targets", count), fmt::format("at most {}", max_targets));
    return targets;
  }

  std::unordered_map<std::string, std::string> seen;  // id to pointer
  at.each_element([&](const Cursor& element) {
    auto target = read_target(element, protocol);
    if (!target) return;
    const auto [first, is_new] = seen.try_emplace(target->id(), element.place().pointer);
    if (!is_new)
      return element.fail(fmt::format("is the same target as {}", first->second), "each target once");
    targets.push_back(std::move(*target));
  });

  const auto weightless = [](const Target& target) { return target.weight == 0; };
  if (targets.size() == count && count > 0 && std::ranges::all_of(targets, weightless)) {
    at.fail("every weight is 0", "at least one target with a weight");
  }
  return targets;
}

}  // namespace evenkeel::config
