// From the labels of containers to parts of a spec.
#pragma once

#include <vector>

#include "evenkeel/docker_discovery.hpp"

#include "discovery/container.hpp"

namespace evenkeel::discovery {

// Those that are enabled. The order is that of the containers. A label that is wrong costs its port, and a
// container without a usable port has none; what is wrong with the parts together is for parse_config() to
// find.
DockerFindings read_labels(const std::vector<Container>& containers, const DockerOptions& options);

}  // namespace evenkeel::discovery
