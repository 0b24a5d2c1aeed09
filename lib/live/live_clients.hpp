// The clients of a scenario on real sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <uv.h>

#include "evenkeel/config.hpp"

#include "live/fine_timers.hpp"

namespace evenkeel::live {

struct LiveAnswer {
  bool is_good = false;
  std::string target;  // the number that it has said of itself; empty: none has answered
  std::string cookie;  // that it sets, as "name=value"; empty: none
};

class LiveClients {
 public:
  using Done = std::function<void(const LiveAnswer&)>;

  virtual ~LiveClients() = default;

  // `from`: an address of 127.0.0.0/8 that the request is to come from; any, when empty. `done` comes once,
  // unless all are closed before.
  virtual void send(const std::string& from, const std::string& cookie, Done done) = 0;
  virtual void close() = 0;
};

// Of the protocol, towards a port of 127.0.0.1.
std::unique_ptr<LiveClients> make_clients(Protocol protocol, uv_loop_t* loop, std::uint16_t port,
                                          FineTimers& timers);

// What targets of tcp and udp answer: a number, with a "!" in front for an error.
LiveAnswer read_answer(std::string_view text);

}  // namespace evenkeel::live
