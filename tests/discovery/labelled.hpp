// Containers with labels, and what read_labels() makes of them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "discovery/docker_labels.hpp"

namespace evenkeel::discovery::test {

using Json = nlohmann::json;
using Labels = std::map<std::string, std::string>;

inline Container container(std::string name, Labels labels, std::string address = "172.17.0.2") {
  Container made;
  made.id = made.name = std::move(name);
  made.labels = std::move(labels);
  made.addresses = {{"bridge", std::move(address)}};
  return made;
}

// What a single container asks for: its proxies.
inline Json proxies(const std::vector<Container>& all, const DockerOptions& options = {}) {
  Json merged = Json::object();
  for (const DockerPort& port : read_labels(all, options).ports) {
    merged.merge_patch(Json::parse(port.fragment.text).at("proxies"));
  }
  return merged;
}

inline std::string problem(const std::vector<Container>& all, const DockerOptions& options = {}) {
  const DockerFindings found = read_labels(all, options);
  if (found.problems.size() != 1) return std::to_string(found.problems.size()) + " problems";
  const DockerProblem& only = found.problems[0];
  return only.container + " " + only.label + ": " + only.problem;
}

inline Labels with(Labels more) {
  more.insert(
      {{"evenkeel.enable", "true"}, {"evenkeel.name", "web"}, {"evenkeel.port.1", "80/http:3000/http"}});
  return more;
}

inline std::vector<SpecError> judge(const DockerPort& port) {
  const auto config = parse_config(R"({"discovery": {"docker": true}})", std::span(&port.fragment, 1));
  return config ? std::vector<SpecError>() : config.error();
}

}  // namespace evenkeel::discovery::test
