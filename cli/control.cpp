#include "control.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <random>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace evenkeel::cli {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string_view signal_name(int number) noexcept {
  return number == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace

Control::Control(ControlOptions options, LogOutput& log, ServiceManager& manager)
    : options_(std::move(options)),
      log_(log),
      manager_(manager),
      seed_(random_seed()),
      certificates_(&loop_, log),
      reloader_(&loop_, log, options_.load,
                {.begun = [this] { on_reload(true); },
                 .apply = [this](LoadedSpec spec) { return apply(std::move(spec)); },
                 .ended = [this] { on_reload(false); }}),
      nodes_(&loop_, log,
             [this](std::size_t worker, Slot slot, int descriptor, std::uint16_t port_offset) {
               workers_.attach(worker, slot, descriptor, port_offset);
             }),
      workers_(&loop_, log, seed_),
      tailnet_(&loop_, log,
               [this](Slot slot, const ListenAddress& address) { workers_.open(slot, address); }),
      admin_(&loop_, log) {}

Control::~Control() = default;

ExitCode Control::run(LoadedSpec spec) {
  if (const int failed = uv_loop_init(&loop_); failed != 0) {
    fail("cannot_start", {ErrorCode::system, Fault::us, false, -failed});
    return ExitCode::internal;
  }
  uv_timer_init(&loop_, &timer_);
  timer_.data = this;
  ports_ = std::make_unique<Ports>(&loop_, log_, seed_, workers_, tailnet_, nodes_, certificates_, manager_);
  if (const ExitCode failed = begin(std::move(spec)); failed != ExitCode::ok) close(failed);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
  const std::array<LogField, 0> none{};
  log_.log(LogLevel::info, "stopped", none);
  return code_;
}

ExitCode Control::begin(LoadedSpec spec) {
  if (!start_workers() || !start_signals() || !start_ports(spec.config.discovery) ||
      !succeeds(certificates_.start()) || !succeeds(tailnet_.start())) {
    return ExitCode::internal;
  }
  nodes_.start(workers_.size());
  drain_timeout_ = spec.config.drain_timeout;
  ports_->on_settled([this](bool all_open) { on_settled(all_open); });
  // First, so that those whose node is there already are among the ports that are ready.
  tailnet_.listen();
  admin_spec_ = spec.config.admin;
  discovery_ = spec.config.discovery;
  reloader_.runs(spec.source);
  if (!ports_->apply(std::move(spec))) return ExitCode::cannot_listen;
  start_admin(admin_spec_);
  if (!discovery_.files.empty() && !succeeds(reloader_.watch_directory(discovery_.files)))
    return ExitCode::internal;
  if (discovery_.docker) {
    docker_ = std::make_unique<DockerDiscovery>(
        &loop_, *discovery_.docker, log_, [this](const DockerFindings& found) { reloader_.found(found); });
  }
  if (!options_.watched.empty() && !succeeds(reloader_.watch(options_.watched))) return ExitCode::internal;
  return ExitCode::ok;
}

bool Control::succeeds(int uv_code) {
  if (uv_code != 0) fail("cannot_start", {ErrorCode::system, Fault::us, false, -uv_code});
  return uv_code == 0;
}

bool Control::start_workers() {
  const auto started = workers_.start(
      options_.workers,
      {.opened = [this](Slot slot, const Result<void>& result) { ports_->on_opened(slot, result); },
       .not_attached = [this](Slot slot, const Error& error) { ports_->on_not_attached(slot, error); },
       .not_replaced = [this](Slot slot, const Error& error) { ports_->on_not_replaced(slot, error); },
       .gone = [this](Slot slot) { ports_->on_gone(slot); },
       .drained =
           [this] {
             if (phase_ == Phase::draining) close(ExitCode::ok);
           },
       .closed = [this] { close_own_handles(); }});
  if (!started) fail("cannot_start", started.error());
  return started.has_value();
}

bool Control::start_ports(const DiscoverySpec& discovery) {
  const auto started = ports_->start(discovery.dns);
  if (!started) fail("cannot_start", started.error());
  return started.has_value();
}

bool Control::start_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto handle = std::make_unique<uv_signal_t>();
    if (!succeeds(uv_signal_init(&loop_, handle.get()))) return false;
    handle->data = this;
    auto& adopted = *signals_.emplace_back(std::move(handle));
    const int failed = uv_signal_start(
        &adopted, [](uv_signal_t* signal, int got) { static_cast<Control*>(signal->data)->on_signal(got); },
        number);
    if (!succeeds(failed)) return false;
  }
  // libuv's handlers have no SA_ONSTACK, and a signal may land on a thread of Go, whose stacks are small.
  TailnetNode::signals_on_stack();
  return true;
}

// A spec that was read again. What cannot be changed while the process runs is said.
bool Control::apply(LoadedSpec spec) {
  if (phase_ != Phase::serving && phase_ != Phase::opening) return false;
  const std::chrono::milliseconds drain_timeout = spec.config.drain_timeout;
  std::vector<DockerProblem> left_out = std::move(spec.left_out);
  const std::array<std::pair<std::string_view, bool>, 3> fixed{
      {{"workers", spec.config.workers != options_.workers},
       {"admin", spec.config.admin != admin_spec_},
       {"discovery", spec.config.discovery != discovery_}}};
  const auto applied = ports_->apply(std::move(spec));
  if (!applied) {
    const std::array<LogField, 1> fields{{{"why", "a port cannot be had"}}};
    log_.log(LogLevel::error, "reload_refused", fields);
    return false;
  }
  drain_timeout_ = drain_timeout;
  tell_left_out(std::move(left_out));
  tell_reloaded(*applied);
  for (const auto& [key, differs] : fixed) {
    if (!differs || !applied->is_read_anew) continue;
    const std::array<LogField, 2> fields{
        {{"key", key}, {"hint", "this changes when evenkeel is started again"}}};
    log_.log(LogLevel::warning, "restart_needed", fields);
  }
  return true;
}

void Control::on_settled(bool all_open) {
  if (phase_ != Phase::opening) return;
  if (!all_open) return close(ExitCode::cannot_listen);
  phase_ = Phase::serving;
  tell_ready();
}

void Control::tell_ready() {
  std::vector<std::string> addresses = ports_->addresses();
  for (std::string& address : tailnet_.addresses()) addresses.push_back(std::move(address));
  const std::string ports = fmt::format("{}", fmt::join(addresses, ", "));
  std::vector<std::string> places = tailnet_.waiting();
  for (std::string& place : nodes_.waiting()) places.push_back(std::move(place));
  const std::string waiting = fmt::format("{}", fmt::join(places, ", "));
  const std::string workers = std::to_string(workers_.size());
  const std::array<LogField, 3> fields{{{"ports", ports}, {"workers", workers}, {"waiting", waiting}}};
  log_.log(LogLevel::info, "ready", std::span(fields).first(waiting.empty() ? 2 : 3));
  manager_.notify("READY=1");
  // Containers may still ask for them.
  if (discovery_.docker) return;
  for (const std::string& address : manager_.unused()) {
    const std::array<LogField, 2> unused{
        {{"address", address},
         {"hint", "a socket was handed over for it; no port of the spec listens there"}}};
    log_.log(LogLevel::warning, "socket_unused", unused);
  }
}

void Control::on_reload(bool is_under_way) {
  if (phase_ != Phase::serving) return;
  is_under_way ? manager_.notify_reloading() : manager_.notify("READY=1");
}

void Control::start_admin(const AdminSpec& spec) {
  admin_.start(spec, *ports_,
               {.report = [this](std::function<void(const ProcessReport&)> told) { report(std::move(told)); },
                .reload =
                    [this] {
                      if (options_.is_piped) return AdminApi::Reload::no_spec;
                      if (phase_ == Phase::draining || phase_ == Phase::closing)
                        return AdminApi::Reload::ending;
                      certificates_.reload_all();
                      reloader_.reload("the admin API");
                      return AdminApi::Reload::begun;
                    },
                .drain =
                    [this] {
                      if (phase_ == Phase::opening || phase_ == Phase::serving) drain("the admin API");
                    }});
}

void Control::report(std::function<void(const ProcessReport&)> told) {
  workers_.collect([this, told = std::move(told)](const std::vector<WorkerStats>& stats) {
    ProcessReport report{.started = started_, .lag = {}, .ports = ports_->report(stats)};
    for (const WorkerStats& worker : stats) report.lag.push_back(worker.lag);
    told(report);
  });
}

void Control::tell_reloaded(const Ports::Applied& applied) {
  const std::string added = std::to_string(applied.added);
  const std::string changed = std::to_string(applied.changed);
  const std::string removed = std::to_string(applied.removed);
  const std::string unchanged = std::to_string(applied.unchanged);
  const std::array<LogField, 4> fields{
      {{"added", added}, {"changed", changed}, {"removed", removed}, {"unchanged", unchanged}}};
  log_.log(LogLevel::info, "reloaded", fields);
}

// Once, for as long as it stays so.
void Control::tell_left_out(std::vector<DockerProblem> problems) {
  std::ranges::sort(problems);
  const auto [first, last] = std::ranges::unique(problems);
  problems.erase(first, last);
  for (const DockerProblem& each : problems) {
    if (std::ranges::binary_search(left_out_, each)) continue;
    const std::array<LogField, 4> fields{{{"container", each.container},
                                          {"label", each.label},
                                          {"reason", each.problem},
                                          {"expected", each.expected}}};
    log_.log(LogLevel::error, "docker_label_error", fields);
  }
  left_out_ = std::move(problems);
}

void Control::on_signal(int number) {
  if (number == SIGHUP) {
    certificates_.reload_all();
    if (!options_.is_piped) return reloader_.reload("SIGHUP");
    const std::array<LogField, 1> fields{{{"hint", "a spec from standard input cannot be read again"}}};
    return log_.log(LogLevel::warning, "reload_ignored", fields);
  }
  switch (phase_) {
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
  ports_->stop_opening();
  manager_.notify("STOPPING=1");
  const std::string timeout = fmt::format("{}ms", drain_timeout_.count());
  const std::array<LogField, 2> fields{{{"reason", why}, {"timeout", timeout}}};
  log_.log(LogLevel::info, "draining", fields);
  // Before anything is refused, so that clients of a service go to other hosts.
  tailnet_.withdraw([this] { drain_workers(); });
}

void Control::drain_workers() {
  if (phase_ != Phase::draining) return;
  nodes_.stop_listening();
  start_timer(drain_timeout_);
  workers_.drain();
}

// Workers first: what they have left uses pools and nodes.
void Control::close(ExitCode code) {
  if (phase_ == Phase::closing) return;
  phase_ = Phase::closing;
  code_ = code;
  uv_timer_stop(&timer_);
  nodes_.stop_listening();
  tailnet_.stop();
  ports_->stop();
  workers_.close();
}

void Control::close_own_handles() {
  admin_.close();
  ports_->close();
  certificates_.close();
  docker_ = nullptr;
  reloader_.close();
  tailnet_.close();
  // Last, and with the signals still heard: leaving a tailnet can take some seconds.
  nodes_.close([this] {
    for (const auto& signal : signals_) uv_close(reinterpret_cast<uv_handle_t*>(signal.get()), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  });
}

void Control::fail(std::string_view event, const Error& error) {
  const std::string reason = describe(error);
  const std::array<LogField, 1> fields{{{"reason", reason}}};
  log_.log(LogLevel::error, event, fields);
}

void Control::start_timer(std::chrono::milliseconds delay) {
  uv_update_time(&loop_);
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<Control*>(timer->data)->on_timer(); },
      static_cast<std::uint64_t>(delay.count()), 0);
}

void Control::on_timer() {
  if (phase_ != Phase::draining) return;
  const std::array<LogField, 1> fields{{{"reason", "drain timeout"}}};
  log_.log(LogLevel::warning, "cut_off", fields);
  close(ExitCode::cut_off);
}

}  // namespace evenkeel::cli
