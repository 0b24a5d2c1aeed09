// The control loop: signals, and the life of the process from its start to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/docker_discovery.hpp"
#include "evenkeel/error.hpp"

#include "admin_server.hpp"
#include "certificate_watch.hpp"
#include "exit_codes.hpp"
#include "log_output.hpp"
#include "ports.hpp"
#include "reloader.hpp"
#include "service_manager.hpp"
#include "spec_file.hpp"
#include "tailnet_nodes.hpp"
#include "tailnet_ports.hpp"
#include "workers.hpp"

namespace evenkeel::cli {

struct ControlOptions {
  unsigned workers = 1;
  std::string watched = {};  // the spec's file, to be read again when it changes; none when empty
  Reloader::Load load;       // the spec, once more
  bool is_piped = false;     // and cannot be read again, but for the files that it names
};

// Runs on the thread that calls run(), and owns everything that lives as long as the command:
//
//   opening -> serving -> draining -> closing
//   until all  until a    until all    until all
//   ports are  signal     are drained  handles are gone
//
// Every phase can go straight to closing, which is also how a failed start leaves nothing behind.
class Control {
 public:
  // The others outlive it.
  Control(ControlOptions options, LogOutput& log, ServiceManager& manager);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Once. Returns when everything has ended.
  ExitCode run(LoadedSpec spec);

 private:
  enum class Phase : std::uint8_t { opening, serving, draining, closing };

  [[nodiscard]] ExitCode begin(LoadedSpec spec);
  bool start_workers();
  bool start_signals();
  bool start_ports(const DiscoverySpec& discovery);
  bool succeeds(int uv_code);
  bool apply(LoadedSpec spec);
  void on_settled(bool all_open);
  void tell_ready();
  void on_reload(bool is_under_way);
  void start_admin(const AdminSpec& spec);
  void report(std::function<void(const ProcessReport&)> told);
  void tell_left_out(std::vector<DockerProblem> problems);
  void tell_reloaded(const Ports::Applied& applied);
  void on_signal(int number);
  void drain(std::string_view why);
  void drain_workers();
  void close(ExitCode code);
  void close_own_handles();
  void fail(std::string_view event, const Error& error);
  void start_timer(std::chrono::milliseconds delay);
  void on_timer();

  const ControlOptions options_;
  LogOutput& log_;
  ServiceManager& manager_;
  const std::uint64_t seed_;
  AdminSpec admin_spec_;
  DiscoverySpec discovery_;
  std::chrono::milliseconds drain_timeout_{};
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();

  uv_loop_t loop_{};
  uv_timer_t timer_{};
  std::vector<std::unique_ptr<uv_signal_t>> signals_;
  CertificateWatch certificates_;
  Reloader reloader_;
  std::unique_ptr<DockerDiscovery> docker_;
  std::vector<DockerProblem> left_out_;  // that was told
  // In this order: workers use pools and ask nodes who their clients are, and go first.
  TailnetNodes nodes_;
  std::unique_ptr<Ports> ports_;
  Workers workers_;
  TailnetPorts tailnet_;
  AdminServer admin_;

  Phase phase_ = Phase::opening;
  ExitCode code_ = ExitCode::ok;
};

}  // namespace evenkeel::cli
