#include "sim/histogram.hpp"

#include <algorithm>
#include <boost/histogram/axis/regular.hpp>
#include <boost/histogram/histogram.hpp>
#include <boost/histogram/storage_adaptor.hpp>
#include <tuple>

namespace evenkeel::sim {
namespace {

// Milliseconds, in bins that grow by 1 %.
constexpr double least_ms = 1e-3;
constexpr double most_ms = 1e6;
constexpr unsigned bins = 2'083;  // ln(10^9) / ln(1.01)

namespace bh = boost::histogram;
using Axis = bh::axis::regular<double, bh::axis::transform::log>;

}  // namespace

struct Histogram::Counted {
  bh::histogram<std::tuple<Axis>, bh::dense_storage<std::uint64_t>> bins_of{Axis(bins, least_ms, most_ms)};
};

Histogram::Histogram() : counted_(std::make_unique<Counted>()) {}
Histogram::~Histogram() = default;
Histogram::Histogram(Histogram&&) noexcept = default;
Histogram& Histogram::operator=(Histogram&&) noexcept = default;

void Histogram::add(Nanos latency) {
  const double ms = std::chrono::duration<double, std::milli>(latency).count();
  counted_->bins_of(ms);
  sum_ += ms;
  largest_ = std::max(largest_, ms);
  ++count_;
}

void Histogram::clear() {
  counted_->bins_of.reset();
  count_ = 0;
  sum_ = largest_ = 0;
}

double Histogram::quantile(double share) const {
  if (share >= 1 || count_ == 0) return largest_;
  const double wanted = share * static_cast<double>(count_);
  const auto& axis = counted_->bins_of.axis();
  double seen = 0;
  // The first is all that is below, the last what is above.
  for (int i = -1; i <= axis.size(); ++i) {
    seen += static_cast<double>(counted_->bins_of.at(i));
    if (seen >= wanted && seen > 0) return std::min(axis.value(i + 1), largest_);
  }
  return largest_;
}

}  // namespace evenkeel::sim
