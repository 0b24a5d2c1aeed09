// The ports of the process: their pools, their health, and where they listen.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/clock.hpp"
#include "evenkeel/config.hpp"
#include "evenkeel/dns_discovery.hpp"
#include "evenkeel/health_monitor.hpp"
#include "evenkeel/target_pool.hpp"

#include "certificate_watch.hpp"
#include "log_output.hpp"
#include "port_report.hpp"
#include "service_manager.hpp"
#include "spec_file.hpp"
#include "tailnet_nodes.hpp"
#include "tailnet_ports.hpp"
#include "worker.hpp"
#include "workers.hpp"

namespace evenkeel::cli {

// A port opens when its names were looked up and all its targets had their first check, or after a second: so
// that the first requests are balanced already, but a dead network does not keep the port shut. Ports on a
// tailnet keep to their own time.
//
//   warming -> opening -> open (or failed) -> leaving -> gone
//
// Thread rule: the control loop's. Lifetime: the loop runs until the handles that close() lets go of are
// gone.
class Ports {
 public:
  // The others outlive it.
  Ports(uv_loop_t* loop, LogOutput& log, std::uint64_t seed, Workers& workers, TailnetPorts& tailnet,
        TailnetNodes& nodes, CertificateWatch& certificates, ServiceManager& manager);
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  // `dns`: how targets by name are followed; nullopt: they are not.
  Result<void> start(const std::optional<DnsOptions>& dns);

  struct Applied {
    std::size_t added = 0;
    std::size_t changed = 0;
    std::size_t removed = 0;
    std::size_t unchanged = 0;
    bool is_read_anew = false;  // or only what containers ask for is another
  };
  // Makes what runs fit the spec, by differences: what is the same goes on undisturbed. Nothing, and
  // everything is as it was, when something of the spec itself cannot be; that is logged. What containers ask
  // for and cannot have yet is told, costs nobody else, and is tried again; so are datagrams that a port
  // which leaves goes on to read.
  std::optional<Applied> apply(LoadedSpec loaded);

  // Comes each time that no port is on its way to being open: with whether all have come so far.
  void on_settled(std::function<void(bool all_open)> settled) { settled_ = std::move(settled); }

  // --- for the workers' events ---
  void on_opened(Slot slot, const Result<void>& result);
  void on_not_attached(Slot slot, const Error& error);
  void on_not_replaced(Slot slot, const Error& error);
  void on_gone(Slot slot);

  // --- for operators ---
  // A port by the names that the spec has for it. What is said of targets lasts until they are gone, beside
  // what the spec says; a strategy, until a reload says otherwise.
  struct Name {
    std::string proxy;
    std::string key;
    friend bool operator==(const Name&, const Name&) = default;
    [[nodiscard]] bool is_of(const PortSpec& spec) const { return spec.proxy == proxy && spec.key == key; }
  };
  enum class Refusal : std::uint8_t {
    unknown_port,
    no_targets,
    no_dns,
    unknown_target,
    duplicate,
    not_ours,
    unknown_strategy,
    ending,
  };
  using Done = std::expected<void, Refusal>;
  [[nodiscard]] bool has(const Name& name);
  Done add_target(const Name& name, Target target);
  Done remove_target(const Name& name, std::string_view id);
  // With a deadline, which only draining has, what is under way on it then is cut.
  Done change_target(const Name& name, std::string_view id, std::optional<std::uint32_t> weight,
                     std::optional<AdminState> state, std::optional<std::chrono::milliseconds> deadline);
  Done set_strategy(const Name& name, const std::string& strategy);
  // Closes it, as a reload without it would.
  Done drain_port(const Name& name);
  [[nodiscard]] std::vector<PortReport> report(const std::vector<WorkerStats>& stats);

  // "127.0.0.1:8080", of ports that are open and not on a tailnet.
  [[nodiscard]] std::vector<std::string> addresses() const;
  // The process drains: no port opens any more, and none is changed.
  void stop_opening();
  // Opens and tells nothing any more: the workers are going.
  void stop();
  // The workers have nothing of them any more.
  void close();

 private:
  enum class State : std::uint8_t { warming, opening, open, failed, leaving };
  struct Port;
  struct Deadline;
  struct Plan;
  struct WhyNot;
  struct Waiting;

  [[nodiscard]] Plan plan_for(LoadedSpec loaded) const;
  void add(std::shared_ptr<const PortSpec> spec, PortTls tls, bool is_found);
  // False when there was nothing to change.
  bool change(Port& port, std::shared_ptr<const PortSpec> spec, PortTls tls);
  [[nodiscard]] Port* find(const Name& name);
  [[nodiscard]] PortReport report_of(Port& port);
  void tell_place(const Port& port, PortReport& report) const;
  void set_targets(Port& port);
  void fill(Port& port);
  void follow_names(const Plan* plan);
  void on_names_changed();
  void begin_checks(Port& port);
  static std::string_view state_name(State state) noexcept;
  void on_deadline(Deadline& due);
  void close_deadline(Deadline* due);
  // Of all targets without one.
  void forget_deadlines(const Port& port, std::optional<TargetKey> target);
  void cut_later(Port& port, TargetKey target, std::chrono::milliseconds deadline);
  void remove(Port& port);
  void make_listeners(Port& port);
  [[nodiscard]] WorkerPort worker_port(const Port& port) const;
  void share_limits(Port& port, const PortSpec* before);
  void make_monitor(Port& port);
  void retire_monitor(Port& port);
  void follow_certificates(const Port& port);
  void open_plain(Port& port);
  void be_patient(Port& port);
  void open_when_warm();
  void open_warm();
  void sweep_soon();
  void sweep();
  void check_settled();
  [[nodiscard]] Port* port_of(Slot slot);
  void fail(const Port& port, std::string_view event, const Error& error);

  // --- what can be had ---
  [[nodiscard]] std::optional<WhyNot> why_not(const PortSpec& spec);
  [[nodiscard]] std::optional<WhyNot> why_no_node(const PortSpec& spec);
  [[nodiscard]] bool comes_free(const Plan* plan, const PortSpec& spec, const WhyNot& why) const;
  [[nodiscard]] bool waits_already(const Plan& plan, const PortSpec& spec) const;
  [[nodiscard]] bool can_have(Plan& plan);
  void tell(const PortSpec& spec, const WhyNot& why);
  void wait_for(Plan& plan);
  void on_not_opened(Port& port, const Error& error);
  void try_again_later();
  void try_again();

  uv_loop_t* const loop_;
  LogOutput& log_;
  const std::uint64_t seed_;
  Workers& workers_;
  TailnetPorts& tailnet_;
  TailnetNodes& nodes_;
  CertificateWatch& certificates_;
  ServiceManager& manager_;
  const SteadyClock clock_;
  std::unique_ptr<DnsDiscovery> dns_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::shared_ptr<const SpecSource> source_;  // of what runs
  std::vector<Name> drained_;                 // by operators
  std::vector<Waiting> waiting_;              // that cannot be had yet
  std::function<void(bool)> settled_;
  std::chrono::milliseconds drain_timeout_{};
  std::uint64_t monitors_made_ = 0;
  uv_timer_t warm_up_{};
  std::vector<Deadline*> deadlines_;  // each deletes itself when it is closed
  uv_timer_t sweep_{};
  uv_timer_t retry_{};
  bool started_ = false;
  bool ending_ = false;
  bool stopped_ = false;
};

}  // namespace evenkeel::cli
