// Clients of a udp port, each with its own address.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "live/datagram_socket.hpp"
#include "live/live_clients.hpp"

namespace evenkeel::live {

class DatagramClients final : public LiveClients {
 public:
  DatagramClients(uv_loop_t* loop, std::uint16_t port, FineTimers& timers);

  void send(const std::string& from, const std::string& cookie, Done done) override;
  void close() override;

 private:
  void hear(const net::Datagrams& datagram);
  void end(std::uint64_t id, const LiveAnswer& answer);

  FineTimers& timers_;
  net::Endpoint proxy_;
  // All clients share them. As their programs do, they ask from another port each time: from one port, a
  // session that was never answered would go on for as long as its client asks.
  std::vector<DatagramSocket> sockets_;
  std::map<std::uint64_t, Done> asked_;
  std::uint64_t next_ = 0;
};

}  // namespace evenkeel::live
