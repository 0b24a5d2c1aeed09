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

inline bool is_on_tailnet(const PortSpec& spec) noexcept {
  return spec.tailnet.mode != TailnetMode::off;
}

inline Transport transport_of(const PortSpec& spec) noexcept {
  return spec.protocol == Protocol::udp ? Transport::datagram : Transport::stream;
}

inline ListenAddress place_of(const PortSpec& spec) {
  return {.host = spec.listen, .port = spec.port, .count = spec.port_count};
}

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
  std::shared_ptr<RetryReserve> retry_reserve;
  const TailnetNode* node = nullptr;
  std::vector<Slot> slots;
  std::optional<Slot> behind_tailscaled;  // one of them
  std::uint64_t subscription = 0;
  std::size_t slots_left = 0;  // that some worker still has, when leaving
  State state = State::warming;
  bool is_uneven = false;           // a worker could not follow the last change
  std::string ordered_strategy;     // by an operator, until the spec is read anew
  bool is_found = false;            // containers ask for it
  bool has_waited = false;          // for its place
  std::uint64_t patient_until = 0;  // by uv_now(): what is not known of its targets by then is not waited for
  std::optional<Error> told;        // why it cannot listen

  // Sorted.
  [[nodiscard]] std::vector<TargetKey> target_keys() const {
    std::vector<TargetKey> keys;
    for (const TargetStatus& each : pool.status()) keys.push_back(each.key);
    std::ranges::sort(keys);
    return keys;
  }
  [[nodiscard]] TailnetSlots tailnet_slots() const { return {slots[0], slots[1], behind_tailscaled}; }
};

// Why a port cannot be had: its address, or its node.
struct Ports::WhyNot {
  std::optional<Error> error;
  std::string node = {};
  bool is_ours = false;  // who has it, and leaves

  [[nodiscard]] std::string text() const;
  friend bool operator==(const WhyNot&, const WhyNot&) = default;
};

// One that cannot be had yet: a container's, or one whose datagrams a port that leaves still reads.
struct Ports::Waiting {
  std::shared_ptr<const PortSpec> spec;
  PortTls tls;
  WhyNot why;
  bool is_found;
};

// What is to be done, before any of it is.
struct Ports::Plan {
  struct Change {
    Port* port;
    std::size_t to;
  };
  LoadedSpec loaded;
  std::vector<std::size_t> added;  // of the loaded ports
  std::vector<Change> kept;
  std::vector<Port*> removed;
  std::vector<std::pair<std::size_t, WhyNot>> waiting;  // of the loaded ports
};

// A target that is drained, with its time limit.
struct Ports::Deadline : uv_timer_t {
  Ports* owner = nullptr;
  const Port* port = nullptr;
  TargetKey target = 0;
};

}  // namespace evenkeel::cli
