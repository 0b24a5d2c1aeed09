#include "discovery/docker_labels.hpp"

#include <algorithm>
#include <utility>

#include "config/mistakes.hpp"
#include "discovery/container_ports.hpp"
#include "discovery/labels.hpp"

namespace evenkeel::discovery {
namespace {

using config::pointer_token;

// A proxy while containers that share its name are added, the oldest first.
class Proxy {
 public:
  Proxy(const Container& oldest, Wanted wanted)
      : name_(wanted.proxy), oldest_(oldest.name), body_(std::move(wanted.settings.json)) {
    origins_[""] = {oldest_, wanted.label};
    for (const auto& [pointer, label] : wanted.settings.labels)
      origins_[place() + pointer] = {oldest_, label};
    body_["ports"] = Json::object();
    add(oldest, wanted, nullptr);
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  // `problems`: null for the first.
  void add(const Container& container, const Wanted& wanted, std::vector<DockerProblem>* problems) {
    const auto refuse = [&](const std::string& label) {
      problems->push_back({container.name, label, "says otherwise than " + oldest_ + ", which is older",
                           "the same for all replicas"});
    };
    if (problems != nullptr && settings() != wanted.settings.json) refuse(wanted.label);
    for (const WantedPort& port : wanted.ports) {
      if (!body_["ports"].contains(port.key)) {
        add_port(container, port);
      } else if (said_[port.key] != port.settings.json) {
        refuse_port(container, port, problems);
      } else {
        add_targets(container, port);
      }
    }
  }

  [[nodiscard]] bool has_ports() const { return !body_["ports"].empty(); }

  [[nodiscard]] DockerProxy finish() const {
    Json document;
    document["proxies"][name_] = body_;
    return {{"docker:" + name_, document.dump(-1, ' ', false, Json::error_handler_t::replace)}, origins_};
  }

 private:
  [[nodiscard]] std::string place() const { return "/proxies/" + pointer_token(name_); }
  [[nodiscard]] Json settings() const {
    Json json = body_;
    json.erase("ports");
    return json;
  }

  void add_port(const Container& container, const WantedPort& port) {
    const std::string pointer = place() + "/ports/" + pointer_token(port.key);
    said_[port.key] = port.settings.json;
    body_["ports"][port.key] = port.settings.json;
    origins_[pointer] = {container.name, port.label};
    for (const auto& [inner, label] : port.settings.labels)
      origins_[pointer + inner] = {container.name, label};
    add_targets(container, port);
  }

  // Its target takes part all the same: a service with one replica less would be worse.
  void refuse_port(const Container& container, const WantedPort& port, std::vector<DockerProblem>* problems) {
    if (problems != nullptr) {
      problems->push_back({container.name, port.label, "says otherwise than " + oldest_ + ", which is older",
                           "the same for all replicas"});
    }
    add_targets(container, port);
  }

  void add_targets(const Container& container, const WantedPort& port) {
    if (port.targets.empty()) return;
    Json& all = body_["ports"][port.key]["targets"];
    if (!all.is_array()) all = Json::array();
    for (const Said& target : port.targets) {
      // Replicas that name the same targets name them once.
      const auto is_it = [&](const Json& other) { return other["url"] == target.json["url"]; };
      if (std::ranges::any_of(all, is_it)) continue;
      const std::string pointer =
          place() + "/ports/" + pointer_token(port.key) + "/targets/" + std::to_string(all.size());
      origins_[pointer] = {container.name, port.label};
      for (const auto& [inner, label] : target.labels) origins_[pointer + inner] = {container.name, label};
      all.push_back(target.json);
    }
  }

  const std::string name_;
  const std::string oldest_;
  Json body_;
  std::map<std::string, Json> said_;  // settings of ports
  std::map<std::string, DockerProxy::Origin> origins_;
};

}  // namespace

DockerFindings read_labels(const std::vector<Container>& containers, const DockerOptions& options) {
  DockerFindings findings;
  std::vector<Proxy> proxies;
  for (const Container& container : containers) {
    if (!Labels(container).says("enable", "true")) continue;
    Wanted wanted = read_container_labels(container, options, findings.problems);
    if (wanted.ports.empty()) continue;
    const auto found = std::ranges::find(proxies, wanted.proxy, &Proxy::name);
    if (found == proxies.end()) {
      proxies.emplace_back(container, std::move(wanted));
    } else {
      found->add(container, wanted, &findings.problems);
    }
  }
  for (const Proxy& proxy : proxies) findings.proxies.push_back(proxy.finish());
  return findings;
}

}  // namespace evenkeel::discovery
