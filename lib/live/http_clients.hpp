// Clients of an http port: each request on a connection that has nothing else to do.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/field.hpp"
#include "live/live_clients.hpp"
#include "live/stream.hpp"

namespace evenkeel::live {

class HttpClients final : public LiveClients {
 public:
  HttpClients(uv_loop_t* loop, std::uint16_t port) : loop_(loop), port_(port) {}

  void send(const std::string& from, const std::string& cookie, Done done) override;
  void close() override { connections_.clear(); }

 private:
  struct Connection {
    explicit Connection(uv_loop_t* loop) : stream(loop) {}
    Stream stream;
    std::string from;
    std::string request;
    Done done;
  };

  void ask(Connection& connection);
  void read(std::uint64_t id);
  void end(std::uint64_t id, const LiveAnswer& answer, bool keep);

  uv_loop_t* const loop_;
  const std::uint16_t port_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::map<std::string, std::vector<std::uint64_t>> idle_;  // by where they come from
  std::uint64_t next_ = 0;
  http::FieldList fields_;
};

}  // namespace evenkeel::live
