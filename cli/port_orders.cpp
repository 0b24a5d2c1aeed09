// What operators ask of ports, and what there is to tell of them.
#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "listen_report.hpp"
#include "served_port.hpp"

namespace evenkeel::cli {
namespace {

Ports::Done refusal_of(const std::expected<void, TargetSet::Refusal>& done) {
  if (done) return {};
  switch (done.error()) {
    case TargetSet::Refusal::unknown:
      return std::unexpected(Ports::Refusal::unknown_target);
    case TargetSet::Refusal::duplicate:
      return std::unexpected(Ports::Refusal::duplicate);
    case TargetSet::Refusal::not_ours:
      break;
  }
  return std::unexpected(Ports::Refusal::not_ours);
}

}  // namespace

std::string_view Ports::state_name(State state) noexcept {
  switch (state) {
    case State::warming:
    case State::opening:
      return "opening";
    case State::open:
      return "open";
    case State::failed:
      return "failed";
    case State::leaving:
      return "leaving";
  }
  return "";
}

bool Ports::has(const Name& name) {
  return find(name) != nullptr;
}

Ports::Port* Ports::find(const Name& name) {
  const auto found = std::ranges::find_if(
      ports_, [&](const auto& port) { return port->state != State::leaving && name.is_of(*port->spec); });
  return found == ports_.end() ? nullptr : found->get();
}

Ports::Done Ports::add_target(const Name& name, Target target) {
  Port* port = find(name);
  if (port == nullptr) return std::unexpected(Refusal::unknown_port);
  // A redirect has none, and no monitor to look after one.
  if (port->spec->targets.empty()) return std::unexpected(Refusal::no_targets);
  if (target.is_service && !dns_) return std::unexpected(Refusal::no_dns);
  const Done done = refusal_of(port->targets.add(std::move(target)));
  if (!done) return done;
  follow_names(nullptr);
  fill(*port);
  return done;
}

Ports::Done Ports::remove_target(const Name& name, std::string_view id) {
  Port* port = find(name);
  if (port == nullptr) return std::unexpected(Refusal::unknown_port);
  const Done done = refusal_of(port->targets.remove(id));
  if (!done) return done;
  follow_names(nullptr);
  fill(*port);
  return done;
}

Ports::Done Ports::change_target(const Name& name, std::string_view id, std::optional<std::uint32_t> weight,
                                 std::optional<AdminState> state,
                                 std::optional<std::chrono::milliseconds> deadline) {
  Port* port = find(name);
  if (port == nullptr) return std::unexpected(Refusal::unknown_port);
  const Done done = refusal_of(port->targets.change(id, weight, state));
  if (!done) return done;
  fill(*port);
  if (!state) return done;
  for (const TargetStatus& status : port->pool.status()) {
    if (status.target.id() != id) continue;
    // The last word counts.
    forget_deadlines(*port, status.key);
    if (state == AdminState::draining && deadline) cut_later(*port, status.key, *deadline);
  }
  return done;
}

void Ports::forget_deadlines(const Port& port, std::optional<TargetKey> target) {
  for (std::size_t i = deadlines_.size(); i-- > 0;) {
    const Deadline& due = *deadlines_[i];
    if (due.port == &port && target.value_or(due.target) == due.target) close_deadline(deadlines_[i]);
  }
}

void Ports::cut_later(Port& port, TargetKey target, std::chrono::milliseconds deadline) {
  auto timer = std::make_unique<Deadline>();
  if (uv_timer_init(loop_, timer.get()) != 0) return;
  timer->owner = this;
  timer->port = &port;
  timer->target = target;
  uv_timer_start(
      timer.get(),
      [](uv_timer_t* handle) {
        auto& due = *static_cast<Deadline*>(handle);
        due.owner->on_deadline(due);
      },
      static_cast<std::uint64_t>(deadline.count()), 0);
  deadlines_.push_back(timer.release());
}

void Ports::on_deadline(Deadline& due) {
  for (const auto& port : ports_) {
    if (port.get() != due.port) continue;
    for (const Slot slot : port->slots) workers_.cut(slot, due.target);
  }
  close_deadline(&due);
}

void Ports::close_deadline(Deadline* due) {
  std::erase(deadlines_, due);
  uv_close(reinterpret_cast<uv_handle_t*>(static_cast<uv_timer_t*>(due)), [](uv_handle_t* handle) {
    const std::unique_ptr<Deadline> gone(static_cast<Deadline*>(reinterpret_cast<uv_timer_t*>(handle)));
  });
}

Ports::Done Ports::set_strategy(const Name& name, const std::string& strategy) {
  Port* port = find(name);
  if (port == nullptr) return std::unexpected(Refusal::unknown_port);
  if (port->spec->targets.empty()) return std::unexpected(Refusal::no_targets);
  if (!find_strategy(strategy)) return std::unexpected(Refusal::unknown_strategy);
  if (ending_) return std::unexpected(Refusal::ending);
  auto spec = std::make_shared<PortSpec>(*port->spec);
  spec->strategy = port->ordered_strategy = strategy;
  (void)change(*port, std::move(spec), PortTls(port->tls));
  return {};
}

Ports::Done Ports::drain_port(const Name& name) {
  Port* port = find(name);
  const auto waits =
      std::ranges::find_if(waiting_, [&](const Waiting& each) { return name.is_of(*each.spec); });
  if (port == nullptr && waits == waiting_.end()) return std::unexpected(Refusal::unknown_port);
  if (ending_) return std::unexpected(Refusal::ending);
  if (port != nullptr) remove(*port);
  if (waits != waiting_.end()) waiting_.erase(waits);
  drained_.push_back(name);
  check_settled();
  return {};
}

std::vector<PortReport> Ports::report(const std::vector<WorkerStats>& stats) {
  std::vector<PortReport> all;
  for (const auto& port : ports_) {
    PortReport& report = all.emplace_back(report_of(*port));
    for (const WorkerStats& worker : stats) {
      for (const auto& [slot, counted] : worker.slots) {
        if (std::ranges::count(port->slots, slot) != 0) report.stats.add(counted);
      }
    }
  }
  for (const Waiting& each : waiting_) {
    PortReport& report = all.emplace_back();
    report.spec = each.spec;
    report.address = place_text(*each.spec);
    report.state = "waiting";
    report.reason = each.why.text();
  }
  return all;
}

// Of a tailnet's ports only the tailnet knows whether anybody can come.
void Ports::tell_place(const Port& port, PortReport& report) const {
  if (!is_on_tailnet(*port.spec)) {
    if (port.state == State::failed && port.told) report.reason = describe(*port.told);
    return;
  }
  const TailnetPlace place = port.spec->tailnet.mode == TailnetMode::host
                                 ? tailnet_.place(port.tailnet_slots())
                                 : nodes_.place(port.slots[0]);
  if (!place.name.empty()) {
    PortSpec there = *port.spec;
    there.listen = place.name;
    report.address = address_text(there);
  }
  if (port.state != State::open || place.is_served) return;
  report.state = place.reason.empty() ? state_name(State::opening) : "waiting";
  report.reason = place.reason;
}

PortReport Ports::report_of(Port& port) {
  PortReport report{.spec = port.spec,
                    .address = place_text(*port.spec),
                    .state = std::string(state_name(port.state)),
                    .reason = {},
                    .stats = {},
                    .work = port.metrics->total(),
                    .targets = {}};
  tell_place(port, report);
  const std::vector<TargetStatus> status = port.pool.status();
  const std::map<TargetKey, WorkTotals> work = port.metrics->by_target(port.target_keys());
  const std::vector<TargetSet::Entry> entries = port.targets.entries();
  std::unordered_map<std::string, const TargetSet::Entry*> known;
  for (const TargetSet::Entry& entry : entries) known.emplace(entry.target.id(), &entry);
  for (const TargetStatus& each : status) {
    TargetReport& target = report.targets.emplace_back(each);
    if (const auto entry = known.find(each.target.id()); entry != known.end()) {
      target.source = entry->second->source;
      target.overridden = entry->second->overridden;
    }
    if (const auto done = work.find(each.key); done != work.end()) target.work = done->second;
    if (const auto past = port.history.find(each.key); past != port.history.end())
      target.history = past->second;
  }
  return report;
}

}  // namespace evenkeel::cli
