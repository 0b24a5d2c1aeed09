// What a run of a scenario leaves: its parts, its course, what became of health.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "evenkeel/health_monitor.hpp"
#include "evenkeel/simulation.hpp"
#include "evenkeel/target_pool.hpp"

#include "sim/sim_time.hpp"
#include "sim/tally.hpp"

namespace evenkeel::sim {

class Recorder {
 public:
  Recorder(const Scenario& scenario, std::string strategy);

  // Puts into `timers` when the parts begin and end, and each point of the course, for which `look` is called
  // with what it is about: then end_moment() is to be.
  void plan(Timers& timers, const std::function<void()>& look);

  // A request's end, of a client.
  void add(const Ending& ending, std::uint32_t client);
  void add_retries(Nanos at, std::uint64_t count);
  // `count` requests are on the target now.
  void see_in_flight(Nanos at, std::size_t target, std::uint32_t count);
  void add_health(Nanos at, std::size_t target, const HealthEvent& event);
  void end_moment(Nanos at, const std::vector<std::uint32_t>& in_flight, const std::vector<bool>& usable) {
    course_.end(at, in_flight, usable);
  }
  [[nodiscard]] SimRun finish();

  // Between two points of the course.
  [[nodiscard]] static Nanos moment_length(const Scenario& scenario);

 private:
  const Scenario& scenario_;
  std::vector<std::size_t> last_targets_;  // by client
  std::vector<Window> windows_;            // the whole, then that of each expectation
  Course course_;
  SimRun run_;
};

// What an event says of the pool; nothing where it is about the target itself. The key of a target that has
// joined.
std::optional<TargetKey> apply_to_pool(TargetPool& pool, const SimEvent& event, const Target& target,
                                       const PortSpec& port);

// What is known of a target that joins.
Health first_health(const PortSpec& port) noexcept;

}  // namespace evenkeel::sim
