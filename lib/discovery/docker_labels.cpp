#include "discovery/docker_labels.hpp"

#include <algorithm>
#include <utility>

#include "config/mistakes.hpp"
#include "discovery/container_ports.hpp"
#include "discovery/label_values.hpp"
#include "discovery/labels.hpp"

namespace evenkeel::discovery {
namespace {

using config::pointer_token;
using Origins = std::map<std::string, DockerPort::Origin>;

void add_origins(Origins& origins, const std::string& place, const std::string& container, const Said& said) {
  for (const auto& [inner, label] : said.labels) origins[place + inner] = {container, label};
}

// What the containers that share a name have in common: the oldest has said it.
struct Proxy {
  std::string name;
  std::string container;
  std::string label;
  Said settings;

  [[nodiscard]] std::string place() const { return "/proxies/" + pointer_token(name); }
};

// A port while containers that want it are added, the oldest first.
class SharedPort {
 public:
  SharedPort(const Proxy& proxy, const Container& oldest, const WantedPort& wanted)
      : proxy_(proxy),
        key_(wanted.key),
        container_(oldest.name),
        label_(wanted.label),
        settings_(wanted.settings),
        place_(proxy.place() + "/ports/" + pointer_token(key_)) {
    origins_[""] = origins_[proxy.place()] = {proxy.container, proxy.label};
    add_origins(origins_, proxy.place(), proxy.container, proxy.settings);
    origins_[place_] = {container_, label_};
    add_origins(origins_, place_, container_, settings_);
    add_targets(oldest, wanted);
  }

  [[nodiscard]] bool is(const Proxy& proxy, const std::string& key) const {
    return &proxy_ == &proxy && key_ == key;
  }

  // The target of one that says otherwise takes part all the same: a service with one replica less would be
  // worse.
  void add(const Container& container, const WantedPort& wanted, std::vector<DockerProblem>& problems) {
    if (settings_.json != wanted.settings.json) {
      const bool is_own = container.name == container_;
      problems.push_back({container.name, wanted.label,
                          "says otherwise than " + (is_own ? label_ : container_ + ", which is older"),
                          is_own ? "the same for one port" : "the same for all replicas"});
    }
    // A redirect has no targets, whoever else wants it to have some.
    if (!settings_.json.contains("redirect")) add_targets(container, wanted);
  }

  [[nodiscard]] DockerPort finish() const {
    Json port = settings_.json;
    if (!targets_.empty()) port["targets"] = targets_;
    Json body = proxy_.settings.json;
    body["ports"][key_] = std::move(port);
    Json document;
    document["proxies"][proxy_.name] = std::move(body);
    return {proxy_.name, key_, {"docker:" + proxy_.name, to_text(document)}, origins_};
  }

 private:
  void add_targets(const Container& container, const WantedPort& wanted) {
    for (const Said& target : wanted.targets) {
      // Replicas that name the same targets name them once.
      const auto is_it = [&](const Json& other) { return other["url"] == target.json["url"]; };
      if (std::ranges::any_of(targets_, is_it)) continue;
      const std::string pointer = place_ + "/targets/" + std::to_string(targets_.size());
      origins_[pointer] = {container.name, wanted.label};
      add_origins(origins_, pointer, container.name, target);
      targets_.push_back(target.json);
    }
  }

  const Proxy& proxy_;
  const std::string key_;
  const std::string container_;  // the oldest
  const std::string label_;      // its label
  const Said settings_;
  const std::string place_;
  Json targets_ = Json::array();
  Origins origins_;
};

class Collector {
 public:
  void add(const Container& container, Wanted wanted, std::vector<DockerProblem>& problems) {
    const Proxy& proxy = proxy_of(container, wanted, problems);
    for (const WantedPort& port : wanted.ports) {
      const auto known =
          std::ranges::find_if(ports_, [&](const SharedPort& each) { return each.is(proxy, port.key); });
      if (known == ports_.end()) {
        ports_.emplace_back(proxy, container, port);
      } else {
        known->add(container, port, problems);
      }
    }
  }

  [[nodiscard]] std::vector<DockerPort> finish() const {
    std::vector<DockerPort> all;
    all.reserve(ports_.size());
    for (const SharedPort& port : ports_) all.push_back(port.finish());
    return all;
  }

 private:
  const Proxy& proxy_of(const Container& container, Wanted& wanted, std::vector<DockerProblem>& problems) {
    const auto [known, is_new] = proxies_.try_emplace(wanted.proxy);
    Proxy& proxy = known->second;
    if (is_new) {
      proxy = {wanted.proxy, container.name, std::move(wanted.label), std::move(wanted.settings)};
    } else if (proxy.settings.json != wanted.settings.json) {
      problems.push_back({container.name, wanted.label,
                          "says otherwise than " + proxy.container + ", which is older",
                          "the same for all replicas"});
    }
    return proxy;
  }

  std::map<std::string, Proxy> proxies_;
  std::vector<SharedPort> ports_;  // in the order in which they were wanted first
};

bool is_enabled(const Container& container, std::vector<DockerProblem>& problems) {
  const Labels labels(container);
  const Labels::Label* const label = labels.find("enable");
  if (label == nullptr) return false;
  const auto flag = read_flag(label->value);
  if (!flag)
    problems.push_back({container.name, label->name, "is \"" + label->value + '"', "\"true\" or \"false\""});
  return flag.value_or(false);
}

}  // namespace

DockerFindings read_labels(const std::vector<Container>& containers, const DockerOptions& options) {
  DockerFindings findings;
  Collector collector;
  for (const Container& container : containers) {
    if (!is_enabled(container, findings.problems)) continue;
    Wanted wanted = read_container_labels(container, options, findings.problems);
    if (!wanted.ports.empty()) collector.add(container, std::move(wanted), findings.problems);
  }
  findings.ports = collector.finish();
  return findings;
}

}  // namespace evenkeel::discovery
