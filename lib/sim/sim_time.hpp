// Virtual time: a clock that stands where the simulation is, and what is to happen when.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "evenkeel/clock.hpp"

namespace evenkeel::sim {

using Nanos = std::chrono::nanoseconds;

// How long clients of tcp and udp wait for an answer; those of http have a proxy that gives up for them.
inline constexpr Nanos client_patience = std::chrono::seconds(5);

// Since the start of the scenario.
class SimClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return epoch + elapsed_; }
  [[nodiscard]] Nanos elapsed() const noexcept { return elapsed_; }
  void advance_to(Nanos elapsed) noexcept { elapsed_ = elapsed; }
  [[nodiscard]] static Nanos since_start(TimePoint time) noexcept { return time - epoch; }

 private:
  // Not zero, which some take for "never".
  static constexpr TimePoint epoch = TimePoint(std::chrono::hours(1));
  Nanos elapsed_{0};
};

// The earliest first; of the same time, the one that was added first.
template <class What>
class Agenda {
 public:
  void add(Nanos at, What what) {
    heap_.push_back({at, next_++, std::move(what)});
    std::ranges::push_heap(heap_, later);
  }
  [[nodiscard]] Nanos next() const noexcept { return heap_.empty() ? Nanos::max() : heap_.front().at; }
  What take() {
    std::ranges::pop_heap(heap_, later);
    What what = std::move(heap_.back().what);
    heap_.pop_back();
    return what;
  }

 private:
  struct Entry {
    Nanos at;
    std::uint64_t order;
    What what;
  };
  static bool later(const Entry& a, const Entry& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  std::vector<Entry> heap_;
  std::uint64_t next_ = 0;
};

using Timers = Agenda<std::function<void()>>;

}  // namespace evenkeel::sim
