// The control loop: pools, health, signals, and the life of the workers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/clock.hpp"
#include "evenkeel/config.hpp"
#include "evenkeel/health_monitor.hpp"
#include "evenkeel/target_pool.hpp"

#include "certificate_watch.hpp"
#include "exit_codes.hpp"
#include "log_output.hpp"
#include "mailbox.hpp"
#include "port_tls.hpp"
#include "tailnet_nodes.hpp"
#include "tailnet_ports.hpp"
#include "worker.hpp"

namespace evenkeel::cli {

// Runs on the thread that calls run(), and owns everything that lives as long as the command:
//
//   warming  -> opening -> serving -> draining -> closing
//   the first   workers    until a    until all    until all
//   checks      bind       signal     are drained  handles are gone
//
// Ports on a tailnet keep to their own time (TailnetPorts): none of this waits for them.
//
// Every phase can go straight to closing, which is also how a failed start leaves nothing behind.
class Control {
 public:
  // `config` (with workers filled in) and `log` outlive it. `tls` has one for each port of the config.
  Control(const Config& config, std::vector<PortTls> tls, LogOutput& log);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Once. Returns when everything has ended.
  ExitCode run();

 private:
  enum class Phase : std::uint8_t { warming, opening, serving, draining, closing };

  struct Port {
    Port(const PortSpec& port_spec, const Clock& clock) : spec(port_spec), pool(port_spec.pool, clock) {}

    const PortSpec& spec;
    TargetPool pool;
    std::unique_ptr<HealthMonitor> monitor;  // none for a redirect
    std::vector<std::size_t> listeners;      // of each worker, by their index
    std::uint64_t subscription = 0;
  };

  bool can_bind_all();
  bool make_ports();
  bool make_listeners(Port& port, WorkerPort listener);
  void make_monitor(Port& port, const PortTls& tls);
  [[nodiscard]] std::shared_ptr<ClientGuard> make_guard(const PortSpec& spec) const;
  bool start_workers();
  bool start_signals();
  bool start_certificates();
  bool start_monitors();
  bool start_tailnet();
  void start_warming();

  void open_listeners();
  void on_report(const WorkerReport& report);
  void on_ready();
  void on_signal(int number);
  void drain(std::string_view why);
  void drain_workers();
  void close(ExitCode code);
  void on_worker_closed();
  void close_own_handles();

  void fail(std::string_view event, const Error& error);
  void start_timer(std::chrono::milliseconds delay);
  void on_timer();

  const Config& config_;
  const std::vector<PortTls> tls_;
  LogOutput& log_;
  const SteadyClock clock_;
  std::uint64_t seed_ = 0;

  uv_loop_t loop_{};
  uv_timer_t timer_{};
  std::vector<std::unique_ptr<uv_signal_t>> signals_;
  Mailbox<WorkerReport> reports_;
  CertificateWatch certificates_;

  // In this order: workers use pools, and go first.
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<WorkerPort> worker_ports_;
  TailnetNodes nodes_;  // before the workers, which ask them who their clients are
  std::vector<std::unique_ptr<Worker>> workers_;
  TailnetPorts tailnet_;  // after the ports, which it looks at

  Phase phase_ = Phase::warming;
  ExitCode code_ = ExitCode::ok;
  std::size_t unchecked_ = 0;    // monitors whose first round is not over
  std::size_t waiting_for_ = 0;  // workers whose report ends this phase
};

}  // namespace evenkeel::cli
