// What one container asks for: a proxy's name and settings, and ports with its targets.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "evenkeel/docker_discovery.hpp"

#include "discovery/container.hpp"

namespace evenkeel::discovery {

using Json = nlohmann::ordered_json;

// What containers call themselves may be no UTF-8: such bytes are replaced.
std::string to_text(const Json& json);

// Settings at a place, each with the label that says so. Keys come from labels, and may be anything.
struct Said {
  Json json = Json::object();
  std::map<std::string, std::string> labels;  // by pointer within `json`

  void set(const std::string& key, Json value, const std::string& label);
  // Of an object within; nothing where another label has put something else there.
  void set_in(const std::string& group, const std::string& key, Json value, const std::string& label);
};

struct WantedPort {
  std::string key;    // "443/https"
  std::string label;  // that wants it
  Said settings;
  std::vector<Said> targets;
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
