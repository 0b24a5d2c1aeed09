#include "ports.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "evenkeel/access.hpp"

#include "listen_report.hpp"
#include "served_port.hpp"
#include "spec_diff.hpp"

namespace evenkeel::cli {
namespace {

constexpr std::chrono::milliseconds warm_up{1'000};

std::shared_ptr<PortGate> make_gate_of(const PortSpec& spec) {
  switch (spec.protocol) {
    case Protocol::http:
    case Protocol::https:
      return make_gate(spec.http);
    case Protocol::tcp:
      return make_gate(spec.tcp);
    case Protocol::udp:
      return make_gate(spec.udp);
  }
  return nullptr;
}

const ClientLimits& client_limits(const PortSpec& spec) noexcept {
  return spec.protocol == Protocol::tcp ? spec.tcp.per_client : spec.http.per_client;
}

// Null: everybody may use the port. The entries are right: that is what the spec was read for.
std::shared_ptr<const AccessList> make_access_list(const PortSpec& spec) {
  if (spec.allow.empty()) return nullptr;
  auto list = std::make_shared<AccessList>();
  for (const std::string& entry : spec.allow) (void)list->add(entry);
  return list;
}

Health first_health(const PortSpec& spec) noexcept {
  return spec.health.type == CheckType::none ? Health::up : Health::unknown;
}

}  // namespace

Ports::Ports(uv_loop_t* loop, LogOutput& log, std::uint64_t seed, Workers& workers, TailnetPorts& tailnet,
             TailnetNodes& nodes, CertificateWatch& certificates, ServiceManager& manager)
    : loop_(loop),
      log_(log),
      seed_(seed),
      workers_(workers),
      tailnet_(tailnet),
      nodes_(nodes),
      certificates_(certificates),
      manager_(manager) {}

Ports::~Ports() = default;

Result<void> Ports::start(const std::optional<DnsOptions>& dns) {
  for (uv_timer_t* timer : {&warm_up_, &sweep_, &retry_}) {
    uv_timer_init(loop_, timer);
    timer->data = this;
  }
  started_ = true;
  if (!dns) return {};
  auto made = DnsDiscovery::make(loop_, *dns, log_, [this] { on_names_changed(); });
  if (!made) return std::unexpected(made.error());
  dns_ = *std::move(made);
  return {};
}

// --- by differences ---

Ports::Plan Ports::plan_for(LoadedSpec loaded) const {
  Plan plan{.loaded = std::move(loaded), .added = {}, .kept = {}, .removed = {}, .waiting = {}};
  const std::vector<PortSpec>& wanted = plan.loaded.config.ports;
  std::vector<bool> is_there(wanted.size());
  for (const auto& port : ports_) {
    if (port->state == State::leaving) continue;
    const auto found =
        std::ranges::find_if(wanted, [&](const PortSpec& spec) { return is_same_place(*port->spec, spec); });
    if (found == wanted.end()) {
      plan.removed.push_back(port.get());
      continue;
    }
    const auto index = static_cast<std::size_t>(found - wanted.begin());
    is_there[index] = true;
    plan.kept.push_back({port.get(), index});
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    // What operators have closed stays so until the spec is read anew.
    const bool is_closed = plan.loaded.source == source_ &&
                           std::ranges::count(drained_, Name{wanted[i].proxy, wanted[i].key}) != 0;
    if (!is_there[i] && !is_closed) plan.added.push_back(i);
  }
  return plan;
}

std::optional<Ports::Applied> Ports::apply(LoadedSpec loaded) {
  const bool is_read_anew = loaded.source != source_;
  Plan plan = plan_for(std::move(loaded));
  if (!can_have(plan)) return std::nullopt;
  if (is_read_anew) drained_.clear();
  source_ = plan.loaded.source;
  Applied applied{.added = plan.added.size(), .removed = plan.removed.size(), .is_read_anew = is_read_anew};
  drain_timeout_ = plan.loaded.config.drain_timeout;
  follow_names(&plan);
  const auto spec_of = [&](std::size_t i) {
    return std::make_shared<const PortSpec>(std::move(plan.loaded.config.ports[i]));
  };
  for (Port* port : plan.removed) remove(*port);
  for (const Plan::Change& kept : plan.kept) {
    const PortSpec& wanted = plan.loaded.config.ports[kept.to];
    const bool is_it = wanted.proxy == kept.port->spec->proxy && wanted.key == kept.port->spec->key;
    if (is_read_anew || !is_it) kept.port->ordered_strategy.clear();
    const bool was_found = kept.port->is_found;
    kept.port->is_found = plan.loaded.is_found(kept.to);
    if (!kept.port->ordered_strategy.empty())
      plan.loaded.config.ports[kept.to].strategy = kept.port->ordered_strategy;
    const bool changed = change(*kept.port, spec_of(kept.to), std::move(plan.loaded.tls[kept.to]));
    if (was_found != kept.port->is_found) set_targets(*kept.port);
    ++(changed ? applied.changed : applied.unchanged);
    // Those workers that listen already say so once more.
    if (kept.port->state == State::failed) open_plain(*kept.port);
  }
  for (const std::size_t index : plan.added) {
    add(spec_of(index), std::move(plan.loaded.tls[index]), plan.loaded.is_found(index));
  }
  wait_for(plan);
  follow_names(nullptr);
  open_when_warm();
  check_settled();
  return applied;
}

void Ports::be_patient(Port& port) {
  uv_update_time(loop_);
  port.patient_until = uv_now(loop_) + static_cast<std::uint64_t>(warm_up.count());
}

// Each has its own time: what happens to others does not keep a port shut.
void Ports::open_when_warm() {
  if (ending_) return;
  std::optional<std::uint64_t> next;
  for (const auto& port : ports_) {
    const bool waits = port->state == State::warming || (!port->monitor && !port->spec->targets.empty());
    if (port->state == State::leaving || !waits) continue;
    next = std::min(next.value_or(port->patient_until), port->patient_until);
  }
  if (!next) return;
  uv_update_time(loop_);
  uv_timer_start(
      &warm_up_, [](uv_timer_t* timer) { static_cast<Ports*>(timer->data)->open_warm(); },
      *next - std::min(*next, uv_now(loop_)), 0);
}

void Ports::add(std::shared_ptr<const PortSpec> spec, PortTls tls, bool is_found) {
  const auto expand = [this](const std::vector<Target>& named) { return dns_ ? dns_->expand(named) : named; };
  Port& port = *ports_.emplace_back(std::make_unique<Port>(std::move(spec), std::move(tls), expand, clock_));
  port.is_found = is_found;
  be_patient(port);
  set_targets(port);
  share_limits(port, nullptr);
  make_listeners(port);
  port.subscription = port.pool.subscribe([this, its = &port] {
    for (const Slot slot : its->slots) workers_.wake(slot);
    tailnet_.on_pool();
  });
  follow_certificates(port);
  begin_checks(port);
  // A redirect waits for nothing.
  if (port.spec->targets.empty() && port.state == State::warming) open_plain(port);
}

bool Ports::change(Port& port, std::shared_ptr<const PortSpec> spec, PortTls tls) {
  const std::shared_ptr<const PortSpec> before = std::exchange(port.spec, std::move(spec));
  PortChanges changed = changes(*before, *port.spec);
  // What a CA's file says may have changed, too.
  const bool is_trust_new = port.tls.trust != tls.trust;
  changed.health = changed.health || is_trust_new;
  changed.proxies = changed.proxies || is_trust_new;
  // A worker that could not follow the last time may now.
  changed.proxies = std::exchange(port.is_uneven, false) || changed.proxies;
  if (!changed.any()) return false;
  if (changed.pool) port.pool.set_options(port.spec->pool);
  if (changed.targets) {
    set_targets(port);
  }
  if (changed.health || changed.proxies) {
    const bool is_server_new = before->tls != port.spec->tls || before->protocol != port.spec->protocol;
    if (is_server_new && port.tls.server) certificates_.remove(*port.tls.server);
    // The same server keeps its tickets, and the certificates that it has read meanwhile.
    if (!is_server_new) tls.server = port.tls.server;
    port.tls = std::move(tls);
    if (is_server_new) follow_certificates(port);
  }
  if (changed.proxies) {
    share_limits(port, before.get());
    for (const Slot slot : port.slots) {
      WorkerPort next = worker_port(port);
      next.behind_tailscaled = port.behind_tailscaled == slot;
      workers_.replace(slot, next);
    }
  }
  if (port.spec->tailnet.mode == TailnetMode::host)
    tailnet_.update(port.tailnet_slots(), port.spec, port.tls);
  if (port.spec->tailnet.mode == TailnetMode::node) nodes_.update(port.slots[0], port.spec, port.tls.server);
  if (changed.health) {
    retire_monitor(port);
    be_patient(port);
    begin_checks(port);
  }
  return true;
}

void Ports::remove(Port& port) {
  port.state = State::leaving;
  port.pool.unsubscribe(port.subscription);
  retire_monitor(port);
  if (port.tls.server) certificates_.remove(*port.tls.server);
  if (port.spec->tailnet.mode == TailnetMode::host) tailnet_.remove(port.tailnet_slots());
  port.slots_left = port.slots.size();
  for (const Slot slot : port.slots) workers_.remove(slot, drain_timeout_);
}

// --- what a port is made of ---

void Ports::set_targets(Port& port) {
  // The new ones first: what operators have said of a target lasts while somebody names it.
  port.targets.set(port.is_found ? TargetSource::discovery : TargetSource::spec, port.spec->targets);
  port.targets.set(port.is_found ? TargetSource::spec : TargetSource::discovery, {});
  fill(port);
}

// Fails only for what would have been refused before.
void Ports::fill(Port& port) {
  // What serves now does so until new names were looked up: a look-up ends, one way or the other.
  if (port.pool.size() != 0 && dns_ && dns_->is_waiting(port.targets.named())) return;
  (void)port.pool.replace_all(port.targets.targets(), first_health(*port.spec));
  std::erase_if(port.history, [&](const auto& entry) { return !port.pool.find(entry.first); });
  port.metrics->forget_all_but(port.target_keys());
}

// Those of ports that are to come, too, where there is a plan: what they stand for is known when they are
// made.
void Ports::follow_names(const Plan* plan) {
  if (!dns_) return;
  std::vector<Target> named;
  const auto append = [&](const std::vector<Target>& more) {
    named.insert(named.end(), more.begin(), more.end());
  };
  for (const auto& port : ports_) {
    if (port->state != State::leaving) append(port->targets.named());
  }
  for (const Waiting& each : waiting_) append(each.spec->targets);
  if (plan != nullptr) {
    for (const PortSpec& spec : plan->loaded.config.ports) append(spec.targets);
  }
  dns_->follow(named);
}

void Ports::on_names_changed() {
  for (const auto& port : ports_) {
    if (port->state == State::leaving) continue;
    port->targets.forget_gone();
    fill(*port);
    begin_checks(*port);
  }
}

// Of what names stand for, so that a verdict on all of it opens the port.
void Ports::begin_checks(Port& port) {
  if (port.monitor || (dns_ && dns_->is_waiting(port.targets.named()))) return;
  make_monitor(port);
}

// Limits that count over all workers go on counting: who came under an older spec is there.
void Ports::share_limits(Port& port, const PortSpec* before) {
  const PortSpec& spec = *port.spec;
  const ClientLimits& limits = client_limits(spec);
  if (spec.protocol == Protocol::udp || !limits.any()) {
    port.client_guard = nullptr;
  } else if (port.client_guard) {
    port.client_guard->set_limits(limits);
  } else {
    port.client_guard = std::make_shared<ClientGuard>(limits, seed_);
  }
  const auto is_udp = [](const PortSpec& each) { return each.protocol == Protocol::udp; };
  auto gate = make_gate_of(spec);
  if (before != nullptr && port.gate && is_udp(*before) == is_udp(spec)) {
    port.gate->set_limits(gate->most(), gate->queue());
  } else {
    port.gate = std::move(gate);
  }
  const std::uint32_t retries = spec.http.retry.budget_min_per_second;
  if (port.retry_reserve) {
    port.retry_reserve->set_per_second(retries);
  } else {
    port.retry_reserve = std::make_shared<RetryReserve>(retries);
  }
}

WorkerPort Ports::worker_port(const Port& port) const {
  return {.spec = port.spec,
          .pool = &port.pool,
          .strategy = *strategy_of(*port.spec),
          .client_guard = port.client_guard,
          .gate = port.gate,
          .retry_reserve = port.retry_reserve,
          .tls = port.tls,
          .allow = make_access_list(*port.spec),
          .node = port.node,
          .metrics = port.metrics};
}

// A listener has one address: a port on the machine's node has one for each kind, and one for its service.
// One on a node of our own has none: that hands its connections over.
void Ports::make_listeners(Port& port) {
  const TailnetSpec& tailnet = port.spec->tailnet;
  if (tailnet.mode == TailnetMode::node) port.node = nodes_.node_of(tailnet).value_or(nullptr);
  WorkerPort listener = worker_port(port);
  port.slots.push_back(workers_.add(listener));
  if (tailnet.mode == TailnetMode::off) return;
  // Nobody waits for a tailnet: that it serves is told by report() alone.
  port.state = State::open;
  if (tailnet.mode == TailnetMode::node) return nodes_.add(port.spec, port.tls.server, port.slots[0]);
  port.slots.push_back(workers_.add(listener));
  listener.behind_tailscaled = true;
  if (!tailnet.service.empty()) port.slots.push_back(*(port.behind_tailscaled = workers_.add(listener)));
  tailnet_.add(port.spec, port.pool, port.tls, port.tailnet_slots());
}

void Ports::make_monitor(Port& port) {
  if (port.spec->targets.empty()) return;
  HealthOptions health = port.spec->health;
  health.tls = port.tls.client;
  port.monitor = std::make_unique<HealthMonitor>(loop_, port.pool, health, port.spec->outlier, clock_, log_,
                                                 seed_ + ++monitors_made_);
  port.monitor->on_change([its = &port](const HealthEvent& event) {
    std::deque<HealthChange>& history = its->history[event.key];
    history.push_back({std::chrono::system_clock::now(), event.from, event.to, std::string(event.reason)});
    if (history.size() > health_history) history.pop_front();
  });
  port.monitor->on_first_round([this, its = &port] {
    if (its->state == State::warming) open_plain(*its);
  });
  if (const auto started = port.monitor->start(); !started) fail(port, "cannot_check", started.error());
}

void Ports::retire_monitor(Port& port) {
  if (!port.monitor) return;
  HealthMonitor& monitor = *port.retired.emplace_back(std::move(port.monitor));
  ++port.closing;
  monitor.close([this, its = &port] {
    --its->closing;
    sweep_soon();
  });
}

// Not from within a callback of what goes: its frames are below.
void Ports::sweep_soon() {
  if (!started_) return;
  uv_timer_start(&sweep_, [](uv_timer_t* timer) { static_cast<Ports*>(timer->data)->sweep(); }, 0, 0);
}

void Ports::sweep() {
  for (const auto& port : ports_) {
    if (port->closing == 0) port->retired.clear();
  }
  std::erase_if(ports_, [&](const auto& port) {
    const bool is_gone = port->state == State::leaving && port->slots_left == 0 && port->closing == 0;
    // Another port may come to be at its address.
    if (is_gone) forget_deadlines(*port, std::nullopt);
    return is_gone;
  });
}

// Those of a tailnet's node have no files.
void Ports::follow_certificates(const Port& port) {
  if (port.tls.server && !port.spec->tls.certificates.empty()) certificates_.add(port.spec, port.tls.server);
}

// --- opening ---

void Ports::open_plain(Port& port) {
  if (ending_) return;
  port.state = State::opening;
  ListenAddress place = place_of(*port.spec);
  const Transport transport = transport_of(*port.spec);
  ListeningSockets inherited = manager_.sockets_for(place, transport);
  if (!inherited.empty()) return workers_.adopt(port.slots[0], std::move(inherited), transport);
  place.reuse_port = true;
  workers_.open(port.slots[0], place);
}

void Ports::open_warm() {
  for (const auto& port : ports_) {
    if (port->state == State::leaving || uv_now(loop_) < port->patient_until) continue;
    if (!port->monitor) make_monitor(*port);
    if (port->state == State::warming) open_plain(*port);
  }
  open_when_warm();
}

void Ports::on_opened(Slot slot, const Result<void>& result) {
  if (tailnet_.on_opened(slot, result)) return;
  Port* port = port_of(slot);
  if (port == nullptr || port->state != State::opening) return;
  port->state = result ? State::open : State::failed;
  if (result) port->told.reset();
  if (!result && !stopped_) on_not_opened(*port, result.error());
  check_settled();
}

void Ports::check_settled() {
  const auto is_under_way = [](const auto& port) {
    return port->state == State::warming || port->state == State::opening;
  };
  if (stopped_ || !settled_ || std::ranges::any_of(ports_, is_under_way)) return;
  // Those of containers cost nobody else.
  settled_(std::ranges::none_of(
      ports_, [](const auto& port) { return port->state == State::failed && !port->is_found; }));
}

void Ports::on_not_attached(Slot slot, const Error& error) {
  if (const Port* port = port_of(slot)) report_cannot_listen(log_, *port->spec, error);
}

void Ports::on_not_replaced(Slot slot, const Error& error) {
  Port* port = port_of(slot);
  if (port == nullptr) return;
  port->is_uneven = true;
  fail(*port, "cannot_reload", error);
}

void Ports::on_gone(Slot slot) {
  Port* port = port_of(slot);
  if (port == nullptr || --port->slots_left != 0) return;
  if (port->spec->tailnet.mode == TailnetMode::node) nodes_.remove(slot);
  sweep_soon();
}

Ports::Port* Ports::port_of(Slot slot) {
  const auto found = std::ranges::find_if(
      ports_, [&](const auto& port) { return std::ranges::count(port->slots, slot) != 0; });
  return found == ports_.end() ? nullptr : found->get();
}

std::vector<std::string> Ports::addresses() const {
  std::vector<std::string> texts;
  for (const auto& port : ports_) {
    if (port->state == State::open && !is_on_tailnet(*port->spec)) texts.push_back(address_text(*port->spec));
  }
  return texts;
}

void Ports::fail(const Port& port, std::string_view event, const Error& error) {
  const std::string reason = describe(error);
  const std::array<LogField, 3> fields{
      {{"proxy", port.spec->proxy}, {"port", port.spec->key}, {"reason", reason}}};
  log_.log(LogLevel::error, event, fields);
}

// --- the end ---

void Ports::stop_opening() {
  ending_ = true;
  waiting_.clear();
}

void Ports::stop() {
  stop_opening();
  stopped_ = true;
  if (started_) uv_timer_stop(&warm_up_);
  for (const auto& port : ports_) port->pool.unsubscribe(port->subscription);
}

void Ports::close() {
  if (!std::exchange(started_, false)) return;
  dns_ = nullptr;
  for (const auto& port : ports_) retire_monitor(*port);
  while (!deadlines_.empty()) close_deadline(deadlines_.back());
  for (uv_timer_t* timer : {&warm_up_, &sweep_, &retry_})
    uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
}

}  // namespace evenkeel::cli
