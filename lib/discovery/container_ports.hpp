// What one container asks for: a proxy's name and settings, and ports with its targets.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "evenkeel/docker_discovery.hpp"

#include "discovery/container.hpp"

namespace evenkeel::discovery {

using Json = nlohmann::ordered_json;

// Settings at a place, each with the label that says so.
struct Said {
  Json json = Json::object();
  std::map<std::string, std::string> labels;  // by pointer within `json`

  void set(const std::string& pointer, Json value, const std::string& label) {
    json[Json::json_pointer(pointer)] = std::move(value);
    labels[pointer] = label;
  }
};

struct WantedPort {
  std::string key;    // "443/https"
  std::string label;  // that wants it
  Said settings;
  std::vector<Json> targets;
};

struct Wanted {
  std::string proxy;
  std::string label;  // that names it, or enables it
  Said settings;
  std::vector<WantedPort> ports;
};

Wanted read_container_labels(const Container& container, const DockerOptions& options,
                             std::vector<DockerProblem>& problems);

}  // namespace evenkeel::discovery
