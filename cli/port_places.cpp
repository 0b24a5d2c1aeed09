// Whether a port can be had where its spec wants it; and those of containers that cannot be yet.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "listen_report.hpp"
#include "served_port.hpp"
#include "spec_diff.hpp"

namespace evenkeel::cli {
namespace {

constexpr std::chrono::milliseconds retry_time{2'000};

}  // namespace

// What a port of ours holds, its successor can have beside it; but not the datagrams that the one before goes
// on to read while it drains.
std::optional<Ports::WhyNot> Ports::why_not(const PortSpec& spec) {
  if (spec.tailnet.mode == TailnetMode::node) {
    std::string why = nodes_.why_not(spec.tailnet);
    return why.empty() ? std::nullopt : std::optional(WhyNot{std::nullopt, std::move(why)});
  }
  if (is_on_tailnet(spec) || manager_.has(place_of(spec), transport_of(spec))) return std::nullopt;
  const bool is_ours = std::ranges::any_of(ports_, [&](const auto& port) {
    return !is_on_tailnet(*port->spec) && port->state != State::failed && overlap(*port->spec, spec);
  });
  const auto bound = try_bind(place_of(spec), transport_of(spec), is_ours && spec.protocol != Protocol::udp);
  return bound ? std::nullopt : std::optional(WhyNot{bound.error()});
}

// Datagrams come to a port that leaves until it has drained; then they are the other's. That is no reason to
// wait where anything else is in the way.
bool Ports::comes_free(const Plan* plan, const PortSpec& spec, const WhyNot& why) const {
  if (spec.protocol != Protocol::udp || !why.error || why.error->code != ErrorCode::address_in_use)
    return false;
  PortSpec one = spec;
  one.port_count = 1;
  const auto reads_it = [&](const auto& port) {
    const bool leaves = port->state == State::leaving ||
                        (plan != nullptr && std::ranges::count(plan->removed, port.get()) != 0);
    return leaves && port->state != State::failed && !is_on_tailnet(*port->spec) && overlap(*port->spec, one);
  };
  for (std::uint16_t offset = 0; offset < spec.port_count; ++offset) {
    one.port = static_cast<std::uint16_t>(spec.port + offset);
    if (!std::ranges::any_of(ports_, reads_it) && !try_bind(place_of(one), Transport::datagram)) return false;
  }
  return true;
}

// Accepted once, it goes on waiting: only another spec is refused for it.
bool Ports::waits_already(const Plan& plan, const PortSpec& spec) const {
  const Name name{spec.proxy, spec.key};
  return plan.loaded.source == source_ && std::ranges::any_of(waiting_, [&](const Waiting& each) {
           return name.is_of(*each.spec) && is_same_place(*each.spec, spec);
         });
}

// Makes the node. One that is up stays in its tailnet, whatever comes of the others: nodes are made last.
std::optional<Ports::WhyNot> Ports::why_no_node(const PortSpec& spec) {
  if (spec.tailnet.mode != TailnetMode::node) return std::nullopt;
  const auto node = nodes_.node_of(spec.tailnet);
  return node ? std::nullopt : std::optional(WhyNot{std::nullopt, node.error()});
}

// All of them are tried, so that all that fail are told.
bool Ports::can_have(Plan& plan) {
  bool all = true;
  const auto keep_those_without = [&](auto why_not_this) {
    std::erase_if(plan.added, [&](std::size_t index) {
      const PortSpec& spec = plan.loaded.config.ports[index];
      std::optional<WhyNot> why = why_not_this(spec);
      if (!why) return false;
      why->is_ours = comes_free(&plan, spec, *why);
      if (plan.loaded.is_found(index) || why->is_ours || waits_already(plan, spec)) {
        plan.waiting.emplace_back(index, *std::move(why));
      } else {
        tell(spec, *why);
        all = false;
      }
      return true;
    });
  };
  keep_those_without([this](const PortSpec& spec) { return why_not(spec); });
  if (all) keep_those_without([this](const PortSpec& spec) { return why_no_node(spec); });
  return all;
}

std::string Ports::WhyNot::text() const {
  if (is_ours) return "a port of ours that leaves still reads datagrams there";
  return error ? describe(*error) : node;
}

void Ports::tell(const PortSpec& spec, const WhyNot& why) {
  if (why.error && !why.is_ours) return report_cannot_listen(log_, spec, *why.error);
  const std::string reason = why.text();
  const std::array<LogField, 3> fields{{{"proxy", spec.proxy}, {"port", spec.key}, {"reason", reason}}};
  if (why.is_ours) return log_.log(LogLevel::info, "port_waits", fields);
  log_.log(LogLevel::error, "cannot_start", fields);
}

// Told once, for as long as it stays so.
void Ports::wait_for(Plan& plan) {
  std::vector<Waiting> before = std::exchange(waiting_, {});
  for (auto& [index, why] : plan.waiting) {
    const bool is_found = plan.loaded.is_found(index);
    auto spec = std::make_shared<const PortSpec>(std::move(plan.loaded.config.ports[index]));
    const bool is_told = std::ranges::any_of(before, [&](const Waiting& each) {
      return each.spec->proxy == spec->proxy && each.spec->key == spec->key && each.why == why;
    });
    if (!is_told) tell(*spec, why);
    waiting_.push_back({std::move(spec), std::move(plan.loaded.tls[index]), std::move(why), is_found});
  }
  if (!waiting_.empty()) try_again_later();
}

void Ports::on_not_opened(Port& port, const Error& error) {
  if (std::exchange(port.told, error) != error) report_cannot_listen(log_, *port.spec, error);
  if (port.is_found || port.has_waited) try_again_later();
}

void Ports::try_again_later() {
  uv_update_time(loop_);
  uv_timer_start(
      &retry_, [](uv_timer_t* timer) { static_cast<Ports*>(timer->data)->try_again(); },
      static_cast<std::uint64_t>(retry_time.count()), 0);
}

void Ports::try_again() {
  if (ending_) return;
  const std::size_t before = waiting_.size();
  for (Waiting& each : std::exchange(waiting_, {})) {
    auto why = why_not(*each.spec);
    if (why) why->is_ours = comes_free(nullptr, *each.spec, *why);
    if (!why) why = why_no_node(*each.spec);
    if (!why) {
      const std::array<LogField, 2> fields{{{"proxy", each.spec->proxy}, {"port", each.spec->key}}};
      log_.log(LogLevel::info, "port_had", fields);
      add(std::move(each.spec), std::move(each.tls), each.is_found);
      ports_.back()->has_waited = true;
      continue;
    }
    if (*why != each.why) tell(*each.spec, *why);
    waiting_.push_back({std::move(each.spec), std::move(each.tls), *std::move(why), each.is_found});
  }
  for (const auto& port : ports_) {
    if ((port->is_found || port->has_waited) && port->state == State::failed) open_plain(*port);
  }
  if (waiting_.size() != before) {
    follow_names(nullptr);
    open_when_warm();
  }
  if (!waiting_.empty()) try_again_later();
}

}  // namespace evenkeel::cli
