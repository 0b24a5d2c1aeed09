// The clients of a scenario on real sockets: each request on a connection that has nothing else to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "http/field.hpp"
#include "live/stream.hpp"

namespace evenkeel::live {

struct LiveAnswer {
  int status = 0;      // 0: there was none
  std::string target;  // what it says of itself; empty: the proxy has answered
  std::string cookie;  // that it sets, as "name=value"; empty: none
};

class LiveClients {
 public:
  using Done = std::function<void(const LiveAnswer&)>;

  LiveClients(uv_loop_t* loop, std::uint16_t port) : loop_(loop), port_(port) {}

  // `from`: an address of 127.0.0.0/8 that the request is to come from; any, when empty. `done` comes once,
  // unless all are closed before.
  void send(const std::string& from, const std::string& cookie, Done done);
  void close() { connections_.clear(); }

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
