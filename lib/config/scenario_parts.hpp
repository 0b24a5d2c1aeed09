// The parts of a scenario, each read by a file of its own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/scenario.hpp"

#include "config/cursor.hpp"
#include "config/fields.hpp"

namespace evenkeel::config {

std::span<const Field<Scenario>> scenario_fields() noexcept;
std::span<const Field<SimTarget>> sim_target_fields() noexcept;
std::span<const Field<SimLoad>> sim_load_fields() noexcept;

void read_load(const Cursor& at, SimLoad& load);
void read_service(const Cursor& at, ServiceTime& time);
// A time with a unit, down to microseconds: "250us", "1.5ms", "2s".
std::optional<std::chrono::nanoseconds> read_time(const Cursor& at);
std::optional<double> read_real(const Cursor& at, double least, double most);

// What the scenario is so far: its targets are known.
void read_events(const Cursor& at, Scenario& scenario);
void read_expectations(const Cursor& at, Scenario& scenario);
// A port of a spec, with the scenario's targets; what is wrong is told at `at`.
std::optional<PortSpec> read_sim_port(const Cursor& at, std::string_view protocol,
                                      const std::vector<SimTarget>& targets);

// Those of a name, or of a group; empty when there are none.
std::vector<std::size_t> targets_named(const Scenario& scenario, std::string_view name);
// " (did you mean ...)" and what there is.
void fail_unknown_target(const Cursor& at, const Scenario& scenario, std::string_view name);

}  // namespace evenkeel::config
