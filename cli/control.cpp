#include "control.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "evenkeel/access.hpp"

#include "listen_report.hpp"

namespace evenkeel::cli {
namespace {

// How long the listeners wait for the first health checks, so that the first requests are balanced
// already, but a dead network does not keep the port shut.
constexpr std::chrono::milliseconds warm_up{1'000};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Error uv_failure(int code) noexcept {
  return {ErrorCode::system, Fault::us, false, -code};
}

std::shared_ptr<PortGate> make_gate_of(const PortSpec& spec) {
  switch (spec.protocol) {
    case Protocol::http:
    case Protocol::https:
      break;
    case Protocol::tcp:
      return make_gate(spec.tcp);
    case Protocol::udp:
      return make_gate(spec.udp);
  }
  return nullptr;
}

// Null: everybody may use the port. The entries are right: that is what the spec was read for.
std::shared_ptr<const AccessList> make_access_list(const PortSpec& spec) {
  if (spec.allow.empty()) return nullptr;
  auto list = std::make_shared<AccessList>();
  for (const std::string& entry : spec.allow) (void)list->add(entry);
  return list;
}

bool is_on_tailnet(const PortSpec& spec) noexcept {
  return spec.tailnet.mode != TailnetMode::off;
}

std::string_view signal_name(int number) noexcept {
  return number == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace

Control::Control(const Config& config, std::vector<PortTls> tls, LogOutput& log)
    : config_(config),
      tls_(std::move(tls)),
      log_(log),
      seed_(random_seed()),
      certificates_(&loop_, log),
      nodes_(&loop_, log,
             [this](std::size_t worker, std::size_t listener, int descriptor, std::uint16_t port_offset) {
               workers_[worker]->attach(listener, descriptor, port_offset);
             }),
      tailnet_(&loop_, log, [this](std::size_t slot, const ListenAddress& address) {
        for (const auto& worker : workers_) worker->listen_at(slot, address);
      }) {}

Control::~Control() = default;

ExitCode Control::run() {
  if (!can_bind_all()) return ExitCode::cannot_listen;
  if (const int failed = uv_loop_init(&loop_); failed != 0) {
    fail("cannot_start", uv_failure(failed));
    return ExitCode::internal;
  }
  uv_timer_init(&loop_, &timer_);
  timer_.data = this;
  if (const int failed = reports_.open(&loop_, [this](const WorkerReport& report) { on_report(report); });
      failed != 0) {
    fail("cannot_start", uv_failure(failed));
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
    return ExitCode::internal;
  }
  // Health checks start before the workers: both take time, and only one of them waits for the net.
  if (make_ports() && start_signals() && start_certificates() && start_monitors() && start_workers() &&
      start_tailnet()) {
    start_warming();
  } else {
    close(ExitCode::internal);
  }

  uv_run(&loop_, UV_RUN_DEFAULT);
  workers_.clear();
  for (const auto& port : ports_) port->monitor.reset();  // their handles are gone: the loop has ended
  uv_loop_close(&loop_);
  const std::array<LogField, 0> none{};
  log_.log(LogLevel::info, "stopped", none);
  return code_;
}

// All of them are tried, so that all that fail are told.
bool Control::can_bind_all() {
  bool all = true;
  for (const PortSpec& spec : config_.ports) {
    if (is_on_tailnet(spec)) continue;
    const Transport transport = spec.protocol == Protocol::udp ? Transport::datagram : Transport::stream;
    const auto bound =
        try_bind({.host = spec.listen, .port = spec.port, .count = spec.port_count}, transport);
    if (bound) continue;
    report_cannot_listen(log_, spec, bound.error());
    all = false;
  }
  return all;
}

std::shared_ptr<ClientGuard> Control::make_guard(const PortSpec& spec) const {
  const ClientLimits& limits = spec.protocol == Protocol::tcp ? spec.tcp.per_client : spec.http.per_client;
  if (spec.protocol == Protocol::udp || !limits.any()) return nullptr;
  return std::make_shared<ClientGuard>(limits, seed_);
}

bool Control::make_ports() {
  for (std::size_t i = 0; i < config_.ports.size(); ++i) {
    const PortSpec& spec = config_.ports[i];
    auto maker = find_strategy(spec.strategy);
    if (!maker) {
      fail("cannot_start", maker.error());
      return false;
    }
    auto& port = *ports_.emplace_back(std::make_unique<Port>(spec, clock_));
    const Health health = spec.health.type == CheckType::none ? Health::up : Health::unknown;
    if (const auto filled = port.pool.replace_all(spec.targets, health); !filled) {
      fail("cannot_start", filled.error());
      return false;
    }
    WorkerPort listener{.spec = &spec,
                        .pool = &port.pool,
                        .strategy = std::move(*maker),
                        .client_guard = make_guard(spec),
                        .gate = make_gate_of(spec),
                        .tls = tls_[i],
                        .allow = make_access_list(spec)};
    if (!make_listeners(port, std::move(listener))) return false;
    if (!spec.targets.empty()) make_monitor(port, tls_[i]);
  }
  return true;
}

// A listener has one address: a port on the machine's node has one for each kind, and one for its service.
// One on a node of our own has none: that hands its connections over.
bool Control::make_listeners(Port& port, WorkerPort listener) {
  const auto add = [&] {
    port.listeners.push_back(worker_ports_.size());
    worker_ports_.push_back(listener);
    return port.listeners.back();
  };
  listener.told_later = is_on_tailnet(port.spec);
  if (port.spec.tailnet.mode == TailnetMode::off) return add(), true;
  if (port.spec.tailnet.mode == TailnetMode::node) {
    const auto node = nodes_.add(port.spec, listener.tls.server, worker_ports_.size());
    if (!node) {
      const std::array<LogField, 3> fields{
          {{"proxy", port.spec.proxy}, {"port", port.spec.key}, {"reason", node.error()}}};
      log_.log(LogLevel::error, "cannot_start", fields);
      return false;
    }
    listener.node = *node;
    return add(), true;
  }
  TailnetSlots slots{.v4 = add(), .v6 = add(), .service = std::nullopt};
  listener.behind_tailscaled = true;
  if (!port.spec.tailnet.service.empty()) slots.service = add();
  tailnet_.add(port.spec, port.pool, listener.tls, slots);
  return true;
}

void Control::make_monitor(Port& port, const PortTls& tls) {
  HealthOptions health = port.spec.health;
  health.tls = tls.client;
  port.monitor = std::make_unique<HealthMonitor>(&loop_, port.pool, std::move(health), port.spec.outlier,
                                                 clock_, log_, seed_ + ports_.size());
}

bool Control::start_certificates() {
  for (std::size_t i = 0; i < tls_.size(); ++i) {
    // Those of a tailnet's node have no files.
    if (tls_[i].server && !config_.ports[i].tls.certificates.empty())
      certificates_.add(config_.ports[i], tls_[i].server);
  }
  const int failed = certificates_.start();
  if (failed != 0) fail("cannot_start", uv_failure(failed));
  return failed == 0;
}

bool Control::start_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto handle = std::make_unique<uv_signal_t>();
    if (const int failed = uv_signal_init(&loop_, handle.get()); failed != 0) {
      fail("cannot_start", uv_failure(failed));
      return false;
    }
    handle->data = this;
    auto& adopted = *signals_.emplace_back(std::move(handle));
    const int failed = uv_signal_start(
        &adopted, [](uv_signal_t* signal, int got) { static_cast<Control*>(signal->data)->on_signal(got); },
        number);
    if (failed != 0) {
      fail("cannot_start", uv_failure(failed));
      return false;
    }
  }
  // libuv's handlers have no SA_ONSTACK, and a signal may land on a thread of Go, whose stacks are small.
  TailnetNode::signals_on_stack();
  return true;
}

bool Control::start_monitors() {
  unchecked_ = static_cast<std::size_t>(
      std::ranges::count_if(ports_, [](const auto& port) { return port->monitor != nullptr; }));
  for (const auto& port : ports_) {
    if (!port->monitor) continue;
    port->monitor->on_first_round([this] {
      if (--unchecked_ == 0) open_listeners();
    });
    if (const auto started = port->monitor->start(); !started) {
      fail("cannot_start", started.error());
      return false;
    }
  }
  return true;
}

bool Control::start_workers() {
  for (unsigned i = 0; i < config_.workers; ++i) {
    auto worker = std::make_unique<Worker>(worker_ports_, StrategyArgs{seed_, i}, log_,
                                           [this](WorkerReport report) { reports_.post(std::move(report)); });
    if (const auto started = worker->start(); !started) {
      fail("cannot_start", started.error());
      return false;
    }
    workers_.push_back(std::move(worker));
  }
  // Only now: a worker must exist before a pool can wake it.
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    ports_[i]->subscription = ports_[i]->pool.subscribe([this, i] {
      for (const auto& worker : workers_) {
        for (const std::size_t listener : ports_[i]->listeners) worker->wake(listener);
      }
      tailnet_.on_pool();
    });
  }
  return true;
}

bool Control::start_tailnet() {
  const int failed = tailnet_.start();
  if (failed != 0) fail("cannot_start", uv_failure(failed));
  if (failed == 0) nodes_.start(workers_.size());
  return failed == 0;
}

void Control::start_warming() {
  start_timer(warm_up);
  if (unchecked_ == 0) open_listeners();
}

void Control::open_listeners() {
  // The first round can be over while the workers are still being made: start_warming() comes back.
  if (phase_ != Phase::warming || workers_.size() != config_.workers) return;
  phase_ = Phase::opening;
  uv_timer_stop(&timer_);
  waiting_for_ = workers_.size();
  // First, so that those whose node is there already are among the ports that are ready.
  tailnet_.listen(workers_.size());
  for (const auto& worker : workers_) worker->listen();
}

void Control::on_report(const WorkerReport& report) {
  switch (report.kind) {
    case WorkerReport::Kind::listening:
      if (phase_ == Phase::opening && --waiting_for_ == 0) on_ready();
      break;
    case WorkerReport::Kind::cannot_listen:
      if (phase_ != Phase::opening) break;  // another worker has said so already
      for (const auto& [port, error] : report.failures)
        report_cannot_listen(log_, *worker_ports_[port].spec, error);
      close(ExitCode::cannot_listen);
      break;
    case WorkerReport::Kind::opened:
      tailnet_.on_opened(report.port);
      break;
    case WorkerReport::Kind::not_opened:
      for (const auto& [port, error] : report.failures) tailnet_.on_not_opened(port, error);
      break;
    case WorkerReport::Kind::not_attached:
      for (const auto& [port, error] : report.failures)
        report_cannot_listen(log_, *worker_ports_[port].spec, error);
      break;
    case WorkerReport::Kind::drained:
      if (phase_ == Phase::draining && --waiting_for_ == 0) close(ExitCode::ok);
      break;
    case WorkerReport::Kind::closed:
      on_worker_closed();
      break;
  }
}

void Control::on_ready() {
  phase_ = Phase::serving;
  std::vector<std::string> addresses;
  for (const PortSpec& spec : config_.ports) {
    if (!is_on_tailnet(spec)) addresses.push_back(address_text(spec));
  }
  for (std::string& address : tailnet_.addresses()) addresses.push_back(std::move(address));
  const std::string ports = fmt::format("{}", fmt::join(addresses, ", "));
  std::vector<std::string> places = tailnet_.waiting();
  for (std::string& place : nodes_.waiting()) places.push_back(std::move(place));
  const std::string waiting = fmt::format("{}", fmt::join(places, ", "));
  const std::string workers = std::to_string(workers_.size());
  const std::array<LogField, 3> fields{{{"ports", ports}, {"workers", workers}, {"waiting", waiting}}};
  log_.log(LogLevel::info, "ready", std::span(fields).first(waiting.empty() ? 2 : 3));
}

void Control::on_signal(int number) {
  if (number == SIGHUP) {
    certificates_.reload_all();
    const std::array<LogField, 1> fields{
        {{"hint", "the spec is not read again by this version, only certificates are; restart instead"}}};
    log_.log(LogLevel::warning, "reload_ignored", fields);
    return;
  }
  switch (phase_) {
    case Phase::warming:
    case Phase::opening:
      close(ExitCode::ok);
      break;
    case Phase::serving:
      drain(signal_name(number));
      break;
    case Phase::draining: {
      const std::array<LogField, 1> fields{{{"reason", "second signal"}}};
      log_.log(LogLevel::warning, "cut_off", fields);
      close(ExitCode::cut_off);
      break;
    }
    case Phase::closing:
      std::_Exit(static_cast<int>(ExitCode::cut_off));  // asked thrice: do not argue
  }
}

void Control::drain(std::string_view why) {
  phase_ = Phase::draining;
  const std::string timeout = fmt::format("{}ms", config_.drain_timeout.count());
  const std::array<LogField, 2> fields{{{"reason", why}, {"timeout", timeout}}};
  log_.log(LogLevel::info, "draining", fields);
  // Before anything is refused, so that clients of a service go to other hosts.
  tailnet_.withdraw([this] { drain_workers(); });
}

void Control::drain_workers() {
  if (phase_ != Phase::draining) return;
  nodes_.stop_listening();
  start_timer(config_.drain_timeout);
  waiting_for_ = workers_.size();
  for (const auto& worker : workers_) worker->drain();
}

// Workers first: their last reports still need our mailbox.
void Control::close(ExitCode code) {
  if (phase_ == Phase::closing) return;
  phase_ = Phase::closing;
  code_ = code;
  uv_timer_stop(&timer_);
  nodes_.stop_listening();
  tailnet_.stop();
  for (const auto& port : ports_) port->pool.unsubscribe(port->subscription);
  waiting_for_ = workers_.size();
  for (const auto& worker : workers_) worker->close();
  if (workers_.empty()) close_own_handles();
}

void Control::on_worker_closed() {
  if (--waiting_for_ == 0) close_own_handles();
}

void Control::close_own_handles() {
  for (const auto& port : ports_) {
    if (port->monitor) port->monitor->close([] {});
  }
  certificates_.close();
  tailnet_.close();
  // Last, and with the signals still heard: leaving a tailnet can take some seconds.
  nodes_.close([this] {
    for (const auto& signal : signals_) uv_close(reinterpret_cast<uv_handle_t*>(signal.get()), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    reports_.close();
  });
}

void Control::fail(std::string_view event, const Error& error) {
  const std::string reason = describe(error);
  const std::array<LogField, 1> fields{{{"reason", reason}}};
  log_.log(LogLevel::error, event, fields);
}

void Control::start_timer(std::chrono::milliseconds delay) {
  uv_update_time(&loop_);  // making the workers took a while
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<Control*>(timer->data)->on_timer(); },
      static_cast<std::uint64_t>(delay.count()), 0);
}

void Control::on_timer() {
  if (phase_ == Phase::warming) {
    open_listeners();
  } else if (phase_ == Phase::draining) {
    const std::array<LogField, 1> fields{{{"reason", "drain timeout"}}};
    log_.log(LogLevel::warning, "cut_off", fields);
    close(ExitCode::cut_off);
  }
}

}  // namespace evenkeel::cli
