// A target of a scenario on a real socket: it answers as its server of the simulation would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/scenario.hpp"

#include "base/random.hpp"
#include "live/fine_timers.hpp"
#include "sim/server.hpp"

namespace evenkeel::live {

// What it works on; how it is asked and answers is its protocol's.
class LiveTarget {
 public:
  // Told how many requests it has whenever there is one more.
  using Busy = std::function<void(std::uint32_t in_flight)>;
  struct Setting {
    uv_loop_t* loop;
    const SimTarget& spec;
    std::size_t index;  // what it says of itself
    const PortSpec& port;
    FineTimers& timers;
    std::uint64_t seed;
    Busy busy;
  };

  // What a check over HTTP asks for, which is no work.
  static constexpr std::string_view check_path = "/check";

  explicit LiveTarget(const Setting& setting);
  virtual ~LiveTarget() = default;
  LiveTarget(const LiveTarget&) = delete;
  LiveTarget& operator=(const LiveTarget&) = delete;

  // On a free port the first time, and then on the same again.
  virtual Result<void> listen() = 0;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }

  void apply(const SimEvent& event);
  // The port that its checks are of is another one now.
  virtual void follow(const PortSpec& port) = 0;
  // Hears and answers nothing any more.
  virtual void close() = 0;

 protected:
  // Whoever asked: a connection, or a datagram.
  using AskerId = std::uint64_t;

  void work(AskerId asker);
  [[nodiscard]] sim::Server::Check check() const noexcept { return server_.check(); }

  // Nothing, where whoever asked has gone.
  virtual void answer(AskerId asker, bool is_error) = 0;
  virtual void cut(AskerId asker) = 0;

  uv_loop_t* const loop_;
  const std::size_t index_;
  std::uint16_t port_ = 0;

 private:
  struct Job {
    AskerId asker = 0;
    bool is_due = false;  // a timer has its end
    bool is_reset = false;
  };

  void plan(sim::JobId job, sim::Nanos service);
  void end_job(sim::JobId id, std::uint32_t generation);
  void reset_all(const std::vector<sim::JobId>& jobs);

  FineTimers& timers_;
  base::Random random_;
  const Busy busy_;
  sim::Server server_;
  bool is_up_ = true;
  std::map<sim::JobId, Job> jobs_;
  sim::JobId next_job_ = 0;
  std::uint32_t in_flight_ = 0;
};

// Of the port's protocol.
std::unique_ptr<LiveTarget> make_target(const LiveTarget::Setting& setting);

}  // namespace evenkeel::live
