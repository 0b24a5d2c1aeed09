// What a service manager hands to the process, and what it is told.
#pragma once

#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "evenkeel/listening_sockets.hpp"
#include "evenkeel/proxy.hpp"

namespace evenkeel::cli {

// The protocols of sd_listen_fds(3) and sd_notify(3), which are declared stable, and spoken by others than
// systemd. Without its library: that would bring several more into the process, for two variables and a
// datagram.
//
// Thread rule: one thread at a time.
class ServiceManager {
 public:
  // Takes what is in the environment out of it, so that no child believes that it was meant. Before other
  // threads begin.
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // Whether a socket for each port of `address` was handed over.
  [[nodiscard]] bool has(const ListenAddress& address, Transport transport) const;
  // Copies of them, all or none: they are handed out again when a port comes back.
  [[nodiscard]] ListeningSockets sockets_for(const ListenAddress& address, Transport transport);
  // "127.0.0.1:80" of those that nobody has asked for.
  [[nodiscard]] std::vector<std::string> unused() const;

  // "READY=1" and the like, lines of VARIABLE=VALUE. Nothing happens where nobody listens.
  void notify(std::string_view lines) const noexcept;
  // A reload has begun; notify("READY=1") ends it.
  void notify_reloading() const noexcept;

 private:
  struct Inherited {
    int descriptor;
    int type;
    sockaddr_storage address;
    bool is_used;
  };
  [[nodiscard]] const Inherited* find(const ListenAddress& address, Transport transport,
                                      std::uint16_t offset) const;
  void take_sockets();

  std::vector<Inherited> inherited_;
  std::string notify_socket_;
};

}  // namespace evenkeel::cli
