// A port while it is served: for those who share Ports between them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ports.hpp"

namespace evenkeel::cli {

struct Ports::Port {
  Port(std::shared_ptr<const PortSpec> its_spec, PortTls its_tls, TargetSet::Expand expand,
       const Clock& clock)
      : spec(std::move(its_spec)),
        tls(std::move(its_tls)),
        targets(std::move(expand)),
        pool(spec->pool, clock) {}

  std::shared_ptr<const PortSpec> spec;
  PortTls tls;
  TargetSet targets;
  TargetPool pool;
  std::shared_ptr<PortMetrics> metrics = std::make_shared<PortMetrics>();
  std::map<TargetKey, std::deque<HealthChange>> history;
  std::unique_ptr<HealthMonitor> monitor;  // none for a redirect
  std::vector<std::unique_ptr<HealthMonitor>> retired;
  std::size_t closing = 0;  // of those: their handles are not gone yet
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  const TailnetNode* node = nullptr;
  std::vector<Slot> slots;
  std::optional<Slot> behind_tailscaled;  // one of them
  std::uint64_t subscription = 0;
  std::size_t slots_left = 0;  // that some worker still has, when leaving
  State state = State::warming;
  bool is_uneven = false;  // a worker could not follow the last change

  // Sorted.
  [[nodiscard]] std::vector<TargetKey> target_keys() const {
    std::vector<TargetKey> keys;
    for (const TargetStatus& each : pool.status()) keys.push_back(each.key);
    std::ranges::sort(keys);
    return keys;
  }
  [[nodiscard]] TailnetSlots tailnet_slots() const { return {slots[0], slots[1], behind_tailscaled}; }
};

// A target that is drained, with its time limit.
struct Ports::Deadline : uv_timer_t {
  Ports* owner = nullptr;
  const Port* port = nullptr;
  TargetKey target = 0;
};

}  // namespace evenkeel::cli
