// Who listens where, and whether two would collide.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/cursor.hpp"
#include "config/port_key.hpp"

namespace evenkeel::config {

// An IPv4 or IPv6 literal in its one canonical form; nullopt for anything else.
std::optional<std::string> canonical_ip(std::string_view text);

// The ports of a spec, each told of once.
class Listening {
 public:
  // Addresses that are not known yet: those of this machine's node, by the socket of its tailscaled, and
  // those of a node of its own, which nobody else can have.
  static std::string host(std::string_view socket);
  static std::string node(std::string_view hostname, std::string_view control_url);

  // Reports a collision at `at`, the port's value. `listen` is canonical, or one of the above.
  void add(const std::string& listen, const PortKey& key, const Cursor& at);

 private:
  struct Listener {
    std::string listen;
    bool udp = false;
    std::uint16_t last = 0;
    std::string pointer;
  };
  std::multimap<std::uint16_t, Listener> by_first_;  // by the first port of each
};

}  // namespace evenkeel::config
