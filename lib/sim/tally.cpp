#include "sim/tally.hpp"

#include <utility>

namespace evenkeel::sim {

void Window::add(const Ending& ending) {
  latency_.add(ending.latency);
  if (ending.is_error) ++errors_;
  if (ending.target != nobody && !ending.is_error) ++served_[ending.target];
}

void Window::end(const std::vector<std::size_t>& last_targets) {
  std::size_t seen = 0;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before_.size(); ++i) {
    if (before_[i] == nobody || last_targets[i] == nobody) continue;
    ++seen;
    if (before_[i] != last_targets[i]) ++moved;
  }
  moved_ = seen == 0 ? 0 : static_cast<double>(moved) / static_cast<double>(seen);
}

SimTally Window::tally() const {
  return {.requests = latency_.count(),
          .errors = errors_,
          .retries = retries_,
          .ejections = ejections_,
          .mean = latency_.mean(),
          .p50 = latency_.quantile(0.5),
          .p90 = latency_.quantile(0.9),
          .p99 = latency_.quantile(0.99),
          .p999 = latency_.quantile(0.999),
          .max = latency_.max(),
          .moved = moved_,
          .served = served_,
          .in_flight = most_};
}

void Course::start_anew() {
  latency_.clear();
  now_ = {};
  now_.served.resize(series_);
  now_.in_flight.resize(series_);
  now_.usable.resize(series_);
}

void Course::add(const Ending& ending) {
  latency_.add(ending.latency);
  ++now_.requests;
  if (ending.is_error) ++now_.errors;
  if (ending.target != nobody && !ending.is_error) ++now_.served[series_of_[ending.target]];
}

void Course::end(Nanos at, const std::vector<std::uint32_t>& in_flight, const std::vector<bool>& usable) {
  now_.at = std::chrono::duration_cast<std::chrono::milliseconds>(at);
  now_.p50 = latency_.quantile(0.5);
  now_.p99 = latency_.quantile(0.99);
  for (std::size_t i = 0; i < series_of_.size(); ++i) {
    now_.in_flight[series_of_[i]] += in_flight[i];
    if (usable[i]) ++now_.usable[series_of_[i]];
  }
  moments_.push_back(std::exchange(now_, {}));
  start_anew();
}

}  // namespace evenkeel::sim
