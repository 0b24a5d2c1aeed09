// Clients of a tcp port: a connection for each request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "live/live_clients.hpp"
#include "live/stream.hpp"

namespace evenkeel::live {

class TcpClients final : public LiveClients {
 public:
  TcpClients(uv_loop_t* loop, std::uint16_t port, FineTimers& timers)
      : loop_(loop), port_(port), timers_(timers) {}

  void send(const std::string& from, const std::string& cookie, Done done) override;
  void close() override { connections_.clear(); }

 private:
  struct Connection {
    explicit Connection(uv_loop_t* loop) : stream(loop) {}
    Stream stream;
    Done done;
  };

  void read(std::uint64_t id);
  void end(std::uint64_t id, const LiveAnswer& answer);

  uv_loop_t* const loop_;
  const std::uint16_t port_;
  FineTimers& timers_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_ = 0;
};

}  // namespace evenkeel::live
