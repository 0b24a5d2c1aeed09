#include "sim/draws.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "evenkeel/strategy.hpp"

namespace evenkeel::sim {
namespace {

// Box and Muller; one of the two is enough.
double draw_normal(base::Random& random) noexcept {
  const double radius = std::sqrt(2 * draw_exponential(random));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

double seconds(Nanos time) noexcept {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

double draw_exponential(base::Random& random) noexcept {
  return -std::log(1 - random.unit());
}

Nanos draw(const ServiceTime& time, base::Random& random) noexcept {
  constexpr double longest = 1e18;  // ns: thirty years
  const auto scale = static_cast<double>(time.scale.count());
  const auto of = [=](double nanos) { return Nanos(static_cast<Nanos::rep>(std::min(nanos, longest))); };
  switch (time.kind) {
    case ServiceTime::Kind::constant:
      break;
    case ServiceTime::Kind::exponential:
      return of(scale * draw_exponential(random));
    case ServiceTime::Kind::lognormal:
      return of(scale * std::exp(time.shape * draw_normal(random)));
    case ServiceTime::Kind::pareto:
      return of(scale * std::pow(1 - random.unit(), -1 / time.shape));
    case ServiceTime::Kind::recorded:
      return time.recorded[random.below(static_cast<std::uint32_t>(time.recorded.size()))];
  }
  return time.scale;
}

Clients::Clients(std::uint32_t count, double skew) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(i);
    affinities_.push_back(affinity_of(bytes));
  }
  if (skew == 0) return;
  double sum = 0;
  for (std::uint32_t i = 0; i < count; ++i) cumulative_.push_back(sum += std::pow(i + 1, -skew));
}

std::uint32_t Clients::draw(base::Random& random) const noexcept {
  if (cumulative_.empty()) return random.below(static_cast<std::uint32_t>(affinities_.size()));
  const double at = random.unit() * cumulative_.back();
  const auto found = std::ranges::upper_bound(cumulative_, at);
  const auto index = static_cast<std::size_t>(found - cumulative_.begin());
  return static_cast<std::uint32_t>(std::min(index, cumulative_.size() - 1));
}

// By the inverse of how many have come: 1 more of them at equal distances, Exp(1) at random. In a part the
// rate is a + b t, so a t + b/2 t^2 have come.
Nanos Arrivals::next(Nanos now, base::Random& random) noexcept {
  double wanted = load_.is_even ? 1 : draw_exponential(random);
  const std::vector<LoadPoint>& points = load_.rate;
  for (;; ++part_, now = std::max<Nanos>(now, points[part_].at)) {
    const bool is_last = part_ + 1 == points.size();
    const double length = is_last ? 0 : seconds(points[part_ + 1].at - points[part_].at);
    const double slope = is_last ? 0 : (points[part_ + 1].rate - points[part_].rate) / length;
    const double rate = points[part_].rate + slope * seconds(now - points[part_].at);
    const double left = is_last ? HUGE_VAL : seconds(points[part_ + 1].at - now);
    if (is_last && rate <= 0) return Nanos::max();
    const double rest = is_last ? HUGE_VAL : left * (rate + slope * left / 2);
    if (left <= 0 || rest < wanted) {
      if (left > 0) wanted -= rest;
      continue;
    }
    // The root in the form that does not cancel.
    const double wait = 2 * wanted / (rate + std::sqrt(std::max(0.0, rate * rate + 2 * slope * wanted)));
    return now + Nanos(static_cast<Nanos::rep>(wait * 1e9));
  }
}

}  // namespace evenkeel::sim
