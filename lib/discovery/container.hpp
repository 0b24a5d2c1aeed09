// What dockerd tells of a container, as far as a load balancer cares.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/or_reason.hpp"

namespace evenkeel::discovery {

struct PublishedPort {
  std::uint16_t inside = 0;
  std::uint16_t outside = 0;  // 0: exposed, not published
  bool is_udp = false;
};

struct Container {
  std::string id;
  std::string name;
  std::int64_t created = 0;  // seconds since 1970
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> addresses;  // by network
  std::vector<PublishedPort> ports;
  bool has_own_network = true;
  bool takes_work = true;
};

// The answer to "GET /containers/json": containers that run or are paused, the oldest first.
base::OrReason<std::vector<Container>> read_containers(std::string_view text);

// A line of "GET /events". What is no event of a container is one without an action.
struct ContainerEvent {
  std::string action;  // "start", "die", "kill", "health_status: healthy", ...
  std::string id;
  std::string signal;     // of a kill
  std::int64_t time = 0;  // seconds since 1970, by dockerd's clock
};
ContainerEvent read_event(std::string_view line);

}  // namespace evenkeel::discovery
