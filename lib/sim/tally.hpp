// What is counted while a scenario runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "evenkeel/simulation.hpp"

#include "sim/histogram.hpp"
#include "sim/sim_time.hpp"

namespace evenkeel::sim {

inline constexpr std::size_t nobody = SIZE_MAX;

// How a request ended, for whoever waited for it.
struct Ending {
  Nanos came;
  Nanos latency;
  std::size_t target;  // that answered; `nobody` when none has
  bool is_error;
};

// A part of the time: [from, to).
class Window {
 public:
  Window(Nanos from, Nanos to, std::size_t targets)
      : from_(from), to_(to), served_(targets), most_(targets) {}

  [[nodiscard]] Nanos from() const noexcept { return from_; }
  [[nodiscard]] Nanos to() const noexcept { return to_; }
  [[nodiscard]] bool has(Nanos at) const noexcept { return from_ <= at && at < to_; }

  void add(const Ending& ending);
  void add_retries(std::uint64_t count) noexcept { retries_ += count; }
  void add_ejection() noexcept { ++ejections_; }
  void see_in_flight(std::size_t target, std::uint32_t count) noexcept {
    if (count > most_[target]) most_[target] = count;
  }
  // On which target each client was last: when it begins, and when it ends.
  void begin(const std::vector<std::size_t>& last_targets) { before_ = last_targets; }
  void end(const std::vector<std::size_t>& last_targets);

  [[nodiscard]] SimTally tally() const;
  [[nodiscard]] double quantile(double share) const { return latency_.quantile(share); }

 private:
  Nanos from_;
  Nanos to_;
  Histogram latency_;
  std::uint64_t errors_ = 0;
  std::uint64_t retries_ = 0;
  std::uint64_t ejections_ = 0;
  std::vector<std::uint64_t> served_;
  std::vector<std::uint32_t> most_;
  std::vector<std::size_t> before_;
  double moved_ = 0;
};

// Points of the plots.
class Course {
 public:
  // `series_of`: of each target.
  Course(std::vector<std::size_t> series_of, std::size_t series)
      : series_of_(std::move(series_of)), series_(series) {
    start_anew();
  }

  void add(const Ending& ending);
  void add_retries(std::uint64_t count) noexcept { now_.retries += count; }
  // By target.
  void end(Nanos at, const std::vector<std::uint32_t>& in_flight, const std::vector<bool>& usable);
  [[nodiscard]] std::vector<SimMoment> take() { return std::move(moments_); }

 private:
  void start_anew();

  const std::vector<std::size_t> series_of_;
  const std::size_t series_;
  Histogram latency_;
  SimMoment now_;
  std::vector<SimMoment> moments_;
};

}  // namespace evenkeel::sim
