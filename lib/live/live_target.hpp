// A target of a scenario on a real socket: it answers GETs as its server of the simulation would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/scenario.hpp"

#include "base/random.hpp"
#include "live/fine_timers.hpp"
#include "live/stream.hpp"
#include "sim/server.hpp"

namespace evenkeel::live {

class LiveTarget {
 public:
  // Told how many requests it has whenever there is one more.
  using Busy = std::function<void(std::uint32_t in_flight)>;

  // All outlive it. `check_path`: of checks over HTTP, which are no work; none when empty.
  LiveTarget(uv_loop_t* loop, const SimTarget& spec, std::size_t index, std::string check_path,
             FineTimers& timers, std::uint64_t seed, Busy busy);

  // On a free port the first time, and then on the same again.
  Result<void> listen();
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }

  void apply(const SimEvent& event);
  void close();

 private:
  struct Connection {
    explicit Connection(uv_loop_t* loop) : stream(loop) {}
    Stream stream;
  };
  struct Job {
    std::uint64_t connection = 0;
    bool is_due = false;  // a timer has its end
    bool is_reset = false;
  };

  void accept();
  void read(std::uint64_t id);
  void answer_check(Stream& stream);
  void work(std::uint64_t id);
  void plan(sim::JobId job, sim::Nanos service);
  void end_job(sim::JobId id, std::uint32_t generation);
  void reply(std::uint64_t id, int status);
  void cut(std::uint64_t id);
  void reset_all(const std::vector<sim::JobId>& jobs);

  uv_loop_t* const loop_;
  const std::size_t index_;
  const std::string check_path_;
  FineTimers& timers_;
  base::Random random_;
  const Busy busy_;
  sim::Server server_;
  net::UvHandle<uv_tcp_t> listener_;
  std::uint16_t port_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 0;
  std::map<sim::JobId, Job> jobs_;
  sim::JobId next_job_ = 0;
  std::uint32_t in_flight_ = 0;
};

}  // namespace evenkeel::live
