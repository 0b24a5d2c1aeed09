// A scenario on real sockets: scripted targets, the real proxy of its protocol with its health checks, and an
// open load.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/scenario.hpp"
#include "evenkeel/simulation.hpp"

struct uv_loop_s;

namespace evenkeel {

// Everything is on one loop and on 127.0.0.1, and ends by itself: after the scenario's duration, and a first
// second at most in which targets are checked. Latencies count from when a request was due, so what the loop
// itself is late counts, too. Retries are counted when their request has ended.
//
// Thread rule: the loop's. Lifetime: loop, scenario and log outlive it; the loop runs until it has nothing to
// do.
class EVENKEEL_API LiveRun {
 public:
  // An error: what the system refused in mid-run.
  using Done = std::function<void(Result<SimRun>)>;

  // `done` comes once, from the loop. Throws std::bad_alloc.
  LiveRun(uv_loop_s* loop, const Scenario& scenario, const std::string& strategy, LogSink& log, Done done);
  ~LiveRun();
  LiveRun(const LiveRun&) = delete;
  LiveRun& operator=(const LiveRun&) = delete;

  // Listens, and begins. What the system refuses: then there is no `done`.
  Result<void> start();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
