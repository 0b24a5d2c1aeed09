// One run of a scenario with one strategy.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "evenkeel/balancer.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/simulation.hpp"
#include "evenkeel/target_pool.hpp"

#include "base/random.hpp"
#include "pool/monitor_core.hpp"
#include "pool/retry_budget.hpp"
#include "sim/draws.hpp"
#include "sim/recorder.hpp"
#include "sim/server.hpp"
#include "sim/sim_time.hpp"

namespace evenkeel::sim {

class Engine {
 public:
  Engine(const Scenario& scenario, std::string strategy);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  SimRun run();

 private:
  static constexpr std::size_t max_tried = 8;  // as in the HTTP proxy
  using RequestId = std::uint32_t;

  // A loop of the proxy.
  struct Worker {
    Worker(const TargetPool& pool, std::unique_ptr<Strategy> strategy, const Clock& clock,
           std::uint32_t budget_percent, std::shared_ptr<RetryReserve> reserve)
        : balancer(pool, std::move(strategy), clock), budget(budget_percent, std::move(reserve)) {}
    Balancer balancer;
    pool::RetryBudget budget;
  };
  struct Request {
    bool is_open = false;
    Nanos came{0};
    Nanos sent{0};  // the attempt that is under way
    Lease lease;
    std::size_t target = nobody;
    std::uint32_t attempt = 0;  // grows over all lives of this place: what is late is known by it
    std::uint32_t client = 0;
    std::uint32_t worker = 0;
    std::uint32_t attempts = 0;  // that were sent
    bool is_reused = false;      // the connection of this attempt has answered others
    bool fresh_only = false;
    std::size_t tried_count = 0;
    std::array<TargetKey, max_tried> tried{};
  };
  // Work of a target on an attempt, which may have been given up since.
  struct Job {
    RequestId request = 0;
    std::uint32_t attempt = 0;
    std::uint32_t target = 0;
    std::uint32_t generation = 0;
    bool is_due = false;    // the agenda has its end
    bool is_reset = false;  // it has none any more
  };
  struct Patience {
    Nanos until;
    RequestId request;
    std::uint32_t attempt;
  };
  class Check;

  // --- the course of time (engine.cpp) ---
  void plan();
  void step(Nanos at);
  void look();
  void come();
  void apply(const SimEvent& event);
  void reload(const PortSpec& port, bool names_strategy);
  void make_workers();
  void make_monitor();

  // --- requests (engine_requests.cpp) ---
  void begin(std::uint32_t client);
  void send(RequestId id);
  void be_patient(RequestId id);
  void work(JobId id, Nanos service);
  void end_job(JobId id);
  void reset_all(const std::vector<JobId>& jobs);
  void on_reply(RequestId id, Reply reply);
  void on_patience_over();
  enum class Failure : std::uint8_t { refused, reset, late };
  void fail(RequestId id, Failure how);
  void lose(RequestId id, Failure how);
  void give_up(RequestId id);
  [[nodiscard]] bool may_retry(const Request& request, Failure how, bool is_stale);
  [[nodiscard]] std::uint32_t& idle_of(const Request& request) {
    return idle_[request.worker * servers_.size() + request.target];
  }
  // For the target that has it.
  [[nodiscard]] std::chrono::microseconds waited(const Request& request) const noexcept {
    return std::chrono::duration_cast<std::chrono::microseconds>(clock_.elapsed() - request.sent);
  }
  void finish(RequestId id, bool is_error, bool is_answered);
  void count_open();
  void give_lease_back(Request& request);
  [[nodiscard]] bool pick(Request& request);
  JobId make_job(RequestId id);

  const Scenario& scenario_;
  PortSpec port_;
  SimClock clock_;
  base::Random random_;
  Clients clients_;
  Arrivals arrivals_;
  LogSink log_;  // silent
  TargetPool pool_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::shared_ptr<RetryReserve> reserve_;  // of all of them
  std::vector<Server> servers_;
  std::unordered_map<TargetKey, std::size_t> target_of_;  // by key, also of those that are gone
  std::unique_ptr<pool::MonitorCore> monitor_;
  std::uint64_t monitor_wake_ = 0;

  Nanos next_arrival_{0};
  Timers timers_;
  Agenda<JobId> done_;
  std::deque<Patience> patience_;  // in order
  std::vector<Request> requests_;
  std::vector<RequestId> free_requests_;
  std::vector<Job> jobs_;
  std::vector<JobId> free_jobs_;
  std::uint32_t turn_ = 0;

  std::vector<std::uint32_t> idle_;       // connections, by worker and target
  std::vector<std::uint32_t> in_flight_;  // by target
  std::vector<std::uint64_t> cookies_;    // by client, where sessions are sticky
  Recorder recorder_;
};

}  // namespace evenkeel::sim
