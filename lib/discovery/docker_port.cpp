// A port that parse_config() has judged: whose mistakes they are, and what is left without them.
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "evenkeel/docker_discovery.hpp"

#include "config/mistakes.hpp"
#include "config/syntax.hpp"
#include "discovery/container_ports.hpp"
#include "discovery/label_values.hpp"

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

// The target that an error is in.
std::optional<std::size_t> target_of(const SpecError& error, const std::string& targets) {
  const auto token = next_token(place_of(error), targets);
  return token ? read_index(*token) : std::nullopt;
}

using Origins = std::map<std::string, DockerPort::Origin>;

// Behind a target that goes, others move up.
Origins origins_without(const Origins& all, const std::string& targets, const std::set<std::size_t>& gone) {
  Origins kept;
  for (const auto& [pointer, origin] : all) {
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
  return kept;
}

// Takes out of the "tailnet" of `body` what labels of TSDProxy have put there.
void leave_nodes_out(Json& body, const std::string& place, Origins& origins,
                     std::vector<DockerProblem>& ignored) {
  if (!body.contains("tailnet")) return;
  Json& tailnet = body["tailnet"];
  std::vector<std::string> keys;
  for (const auto& [key, value] : tailnet.items()) keys.push_back(key);
  for (const std::string& key : keys) {
    const auto origin = origins.find(place + "/tailnet/" + pointer_token(key));
    if (origin == origins.end() || !origin->second.label.starts_with("tsdproxy.")) continue;
    ignored.push_back({origin->second.container, origin->second.label,
                       "is ignored: the spec asks for no node of a tailnet",
                       "\"tailnet\": {\"mode\": \"node\"} in the spec, or no such label"});
    tailnet.erase(key);
    origins.erase(origin);
  }
  if (tailnet.empty()) body.erase("tailnet");
}

DockerProblem no_hostname(const std::string& proxy, const Origins& origins) {
  const auto found = origins.find("/proxies/" + pointer_token(proxy));
  const DockerPort::Origin by = found == origins.end() ? DockerPort::Origin{} : found->second;
  return {by.container, by.label, "is \"" + proxy + "\", which cannot be the hostname of a node",
          by.label + ": 1 to 63 letters, digits or \"-\", such as \"" + discovery::hostname_of(proxy) + '"'};
}

}  // namespace

std::optional<DockerPort> DockerPort::fitted(const TailnetSpec& inherited,
                                             std::vector<DockerProblem>& problems) const {
  if (inherited.mode == TailnetMode::node) {
    if (!inherited.hostname.empty() || config::is_dns_label(proxy)) return *this;
    const auto named = origins.find("/proxies/" + pointer_token(proxy));
    const std::string hostname = discovery::hostname_of(proxy);
    // Nobody has chosen a container's own name for that. Two that come to the same hostname stay two proxies,
    // and where both want a port the younger one's is a mistake.
    if (named != origins.end() && !named->second.label.ends_with(".name") && config::is_dns_label(hostname)) {
      DockerPort there = *this;
      Json document = Json::parse(fragment.text);
      document["proxies"].begin().value()["tailnet"]["hostname"] = hostname;
      there.fragment.text = discovery::to_text(document);
      return there;
    }
    problems.push_back(no_hostname(proxy, origins));
    return std::nullopt;
  }
  DockerPort rest = *this;
  Json document = Json::parse(fragment.text);
  const auto body = document["proxies"].begin();
  const auto port = body.value()["ports"].begin();
  const std::string place = "/proxies/" + pointer_token(body.key());
  // The port first: where something is taken out of the body, what is in it moves.
  leave_nodes_out(port.value(), place + "/ports/" + pointer_token(port.key()), rest.origins, problems);
  leave_nodes_out(body.value(), place, rest.origins, problems);
  rest.fragment.text = discovery::to_text(document);
  return rest;
}

DockerProblem DockerPort::blame(const SpecError& error) const {
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

std::optional<DockerPort> DockerPort::without(std::span<const SpecError> errors) const {
  Json document = Json::parse(fragment.text);
  const auto body = document["proxies"].begin();
  const auto port = body.value()["ports"].begin();
  const std::string targets =
      "/proxies/" + pointer_token(body.key()) + "/ports/" + pointer_token(port.key()) + "/targets/";
  std::set<std::size_t> gone;
  for (const SpecError& error : errors) {
    const auto target = target_of(error, targets);
    if (!target) return std::nullopt;
    gone.insert(*target);
  }
  Json& all = port.value()["targets"];
  for (auto index = gone.rbegin(); index != gone.rend(); ++index) {
    if (*index < all.size()) all.erase(*index);
  }
  if (all.empty()) return std::nullopt;
  DockerPort rest = *this;
  rest.fragment.text = discovery::to_text(document);
  rest.origins = origins_without(origins, targets, gone);
  return rest;
}

}  // namespace evenkeel
