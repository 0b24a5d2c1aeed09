// A proxy that parse_config() has judged: whose mistakes they are, and what is left without them.
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "evenkeel/docker_discovery.hpp"

#include "config/mistakes.hpp"
#include "discovery/container_ports.hpp"

namespace evenkeel {
namespace {

using config::pointer_token;
using discovery::Json;

// Behind the name of the fragment.
std::string_view place_of(const SpecError& error) {
  const std::string_view pointer = error.pointer;
  return pointer.substr(std::min(pointer.find('#') + 1, pointer.size()));
}

// Where a pointer goes from `prefix` on: the next token as it is written, and its end. nullopt: elsewhere.
std::optional<std::string_view> next_token(std::string_view pointer, std::string_view prefix) {
  if (!pointer.starts_with(prefix) || pointer.size() == prefix.size()) return std::nullopt;
  pointer.remove_prefix(prefix.size());
  return pointer.substr(0, pointer.find('/'));
}

std::optional<std::size_t> read_index(std::string_view text) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return index;
}

// What is to go of one port.
struct Faults {
  bool whole = false;
  std::set<std::size_t> targets;
};

Faults faults_of(const std::string& port, std::span<const SpecError> errors) {
  Faults faults;
  for (const SpecError& error : errors) {
    const std::string_view place = place_of(error);
    if (place != port && !place.starts_with(port + '/')) continue;
    const auto index = next_token(place, port + "/targets/");
    const auto number = index ? read_index(*index) : std::nullopt;
    if (number) {
      faults.targets.insert(*number);
    } else {
      faults.whole = true;
    }
  }
  return faults;
}

using Origins = std::map<std::string, DockerProxy::Origin>;

// Those of a port that stays; what is behind a target that goes moves up.
void keep_origins(const Origins& all, const std::string& port, const std::set<std::size_t>& gone,
                  Origins& kept) {
  const std::string targets = port + "/targets/";
  for (const auto& [pointer, origin] : all) {
    if (pointer != port && !pointer.starts_with(port + '/')) continue;
    const auto text = next_token(pointer, targets);
    const auto index = text ? read_index(*text) : std::nullopt;
    if (!index) {
      kept.emplace(pointer, origin);
    } else if (!gone.contains(*index)) {
      const auto before = static_cast<std::size_t>(std::distance(gone.begin(), gone.lower_bound(*index)));
      kept.emplace(targets + std::to_string(*index - before) + pointer.substr(targets.size() + text->size()),
                   origin);
    }
  }
}

}  // namespace

DockerProblem DockerProxy::blame(const SpecError& error) const {
  std::string_view pointer = place_of(error);
  // The nearest place around it that somebody has written.
  while (!origins.contains(std::string(pointer)) && !pointer.empty()) {
    const std::size_t slash = pointer.rfind('/');
    pointer = slash == std::string_view::npos ? std::string_view() : pointer.substr(0, slash);
  }
  const auto found = origins.find(std::string(pointer));
  const Origin origin = found == origins.end() ? Origin{} : found->second;
  return {origin.container, origin.label, error.problem, error.expected};
}

std::optional<DockerProxy> DockerProxy::without(std::span<const SpecError> errors) const {
  Json document = Json::parse(fragment.text);
  const std::string name = document["proxies"].begin().key();
  Json& ports = document["proxies"][name]["ports"];
  const std::string place = "/proxies/" + pointer_token(name) + "/ports/";
  const bool is_ours = std::ranges::all_of(
      errors, [&](const SpecError& error) { return next_token(place_of(error), place).has_value(); });
  if (!is_ours) return std::nullopt;
  DockerProxy rest;
  for (const auto& [pointer, origin] : origins) {
    if (!pointer.starts_with(place)) rest.origins.emplace(pointer, origin);
  }
  Json kept = Json::object();
  for (auto& [key, port] : ports.items()) {
    const std::string pointer = place + pointer_token(key);
    const Faults faults = faults_of(pointer, errors);
    for (auto index = faults.targets.rbegin(); index != faults.targets.rend(); ++index) {
      if (*index < port["targets"].size()) port["targets"].erase(*index);
    }
    if (faults.whole || (!faults.targets.empty() && port["targets"].empty())) continue;
    keep_origins(origins, pointer, faults.targets, rest.origins);
    kept[key] = std::move(port);
  }
  if (kept.empty()) return std::nullopt;
  ports = std::move(kept);
  rest.fragment = {fragment.name, document.dump(-1, ' ', false, Json::error_handler_t::replace)};
  return rest;
}

}  // namespace evenkeel
