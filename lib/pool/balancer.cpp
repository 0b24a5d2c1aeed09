// Picks and leases: the part of the core that runs for every request.
#include "evenkeel/balancer.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "pool/snapshot.hpp"

namespace evenkeel {

// Counted by its loop alone: the balancer holds one reference, each lease another. The atomic count of
// the snapshot itself is touched once a view, not once a pick.
struct BalancerView {
  const Clock* clock;  // null: nobody looks at latencies
  std::shared_ptr<const PoolSnapshot> snapshot;
  // What the strategy was built from last: its spans point into it. Another one than `snapshot` when that has
  // fewer than two candidates: the strategy was not asked then and its span must stay valid.
  std::shared_ptr<const PoolSnapshot> strategy_span;
  std::shared_ptr<const PoolSnapshot> failed_span;  // of a know() or rebuild() that ran out of memory
  std::uint64_t references = 1;
};

namespace {

const SteadyClock steady_clock;

// What an error costs, as a time: that of an answer which nobody wants to wait for.
constexpr std::chrono::microseconds penalty = std::chrono::seconds(1);

void drop(BalancerView* view) noexcept {
  if (view != nullptr && --view->references == 0) delete view;
}

bool all_excluded(std::span<const Candidate> candidates, const PickContext& context) noexcept {
  return std::ranges::all_of(candidates, [&](const Candidate& c) { return context.excludes(c.key); });
}

}  // namespace

std::size_t Balancer::ask(std::span<const Candidate> candidates, PickContext context) noexcept {
  if (candidates.size() == 1) return 0;
  if (context.prefer != 0) {
    const auto found = std::ranges::find(view_->snapshot->tokens, context.prefer);
    const auto index = static_cast<std::size_t>(found - view_->snapshot->tokens.begin());
    if (index < candidates.size() && !context.excludes(candidates[index].key)) return index;
  }
  if (!context.exclude.empty() && all_excluded(candidates, context)) context.exclude = {};
  if (clock_ != nullptr) context.now = clock_->now();
  std::size_t index = strategy_ready_ ? strategy_->pick(context) : turn_++;
  // An embedder's strategy may err; the next allowed one then, as strategy.hpp promises.
  if (index >= candidates.size()) [[unlikely]]
    index %= candidates.size();
  while (context.excludes(candidates[index].key)) index = index + 1 == candidates.size() ? 0 : index + 1;
  return index;
}

Balancer::Balancer(const TargetPool& pool, std::unique_ptr<Strategy> strategy)
    : Balancer(pool, std::move(strategy), steady_clock) {}

Balancer::Balancer(const TargetPool& pool, std::unique_ptr<Strategy> strategy, const Clock& clock)
    : pool_(pool), strategy_(std::move(strategy)), clock_(strategy_->looks_at_latency() ? &clock : nullptr) {
  refresh();
}

Balancer::~Balancer() {
  drop(view_);
}

void Balancer::refresh() {
  auto snapshot = pool_.snapshot();
  if (view_ != nullptr && view_->snapshot->version == snapshot->version) return;
  auto fresh = std::make_unique<BalancerView>();
  fresh->clock = clock_;
  fresh->snapshot = std::move(snapshot);
  if (fresh->snapshot->candidates.size() >= 2) {
    fresh->strategy_span = fresh->snapshot;
    // If it fails: what it was told of must stay valid, whichever of the two it remembers.
    if (view_ != nullptr) view_->failed_span = fresh->snapshot;
    strategy_ready_ = false;
    strategy_->know(fresh->snapshot->members);
    strategy_->rebuild(fresh->snapshot->candidates);
    strategy_ready_ = true;
  } else if (view_ != nullptr) {
    fresh->strategy_span = view_->strategy_span;
    fresh->failed_span = view_->failed_span;
  }
  drop(std::exchange(view_, fresh.release()));
}

// Without the memory for a new view the old one serves on, and the next pick tries again.
void Balancer::try_refresh() noexcept {
  try {
    refresh();
  } catch (const std::bad_alloc&) {
    return;
  }
}

Result<Lease> Balancer::pick(const PickContext& context) noexcept {
  if (pool_.version() != view_->snapshot->version) [[unlikely]]
    try_refresh();
  const PoolSnapshot& snapshot = *view_->snapshot;
  if (snapshot.candidates.empty()) {
    return std::unexpected(Error{ErrorCode::no_target, Fault::target, true, 0});
  }
  if (context.max_in_flight != 0) [[unlikely]]
    return pick_below_limit(context);
  return Lease(view_, snapshot.eligible[ask(snapshot.candidates, context)]);
}

// The strategy's choice, else the next one behind it that has room. O(candidates) when all are full.
Result<Lease> Balancer::pick_below_limit(PickContext context) noexcept {
  const PoolSnapshot& snapshot = *view_->snapshot;
  const std::span<const Candidate> candidates = snapshot.candidates;
  if (all_excluded(candidates, context)) context.exclude = {};
  std::size_t index = ask(candidates, context);
  for (std::size_t seen = 0; seen < candidates.size(); ++seen) {
    if (!context.excludes(candidates[index].key)) {
      Lease lease = Lease::below(view_, snapshot.eligible[index], context.max_in_flight);
      if (lease) return lease;
    }
    index = index + 1 == candidates.size() ? 0 : index + 1;
  }
  return std::unexpected(Error{ErrorCode::over_limit, Fault::target, true, 0});
}

std::size_t Balancer::usable() const noexcept {
  return view_->snapshot->candidates.size();
}

std::string_view Balancer::strategy() const noexcept {
  return strategy_->name();
}

// `index` is of the snapshot's entries.
Lease::Lease(BalancerView* view, std::uint32_t index) noexcept : view_(view), index_(index) {
  ++view_->references;
  view_->snapshot->entries[index_].counters->in_flight_.fetch_add(1, std::memory_order_relaxed);
}

// Compare and swap: adding one and taking it back when it was too many would for a moment hide from the
// other loops the place that another lease has just given back.
Lease Lease::below(BalancerView* view, std::uint32_t index, std::uint32_t limit) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  std::atomic<std::uint32_t>& in_flight = view->snapshot->entries[index].counters->in_flight_;
  std::uint32_t count = in_flight.load(relaxed);
  do {
    if (count >= limit) return {};
  } while (!in_flight.compare_exchange_weak(count, count + 1, relaxed, relaxed));
  ++view->references;
  Lease lease;
  lease.view_ = view;
  lease.index_ = index;
  return lease;
}

void Lease::release() noexcept {
  if (view_ == nullptr) return;
  view_->snapshot->entries[index_].counters->in_flight_.fetch_sub(1, std::memory_order_relaxed);
  drop(std::exchange(view_, nullptr));
}

const Target& Lease::target() const noexcept {
  return *view_->snapshot->entries[index_].target;
}

TargetKey Lease::key() const noexcept {
  return view_->snapshot->entries[index_].key;
}

std::uint64_t Lease::token() const noexcept {
  return view_->snapshot->entries[index_].token;
}

void Lease::add_bytes(std::uint64_t bytes) noexcept {
  TargetCounters& counters = *view_->snapshot->entries[index_].counters;
  if (bytes > 0) counters.bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void Lease::answered(std::chrono::microseconds waited, AnswerKind kind) noexcept {
  if (view_->clock == nullptr || waited.count() <= 0) return;
  LatencyAverage& latency = view_->snapshot->entries[index_].counters->latency_;
  const TimePoint now = view_->clock->now();
  kind == AnswerKind::good ? latency.observe(waited, now) : latency.blend(std::max(waited, penalty), now);
}

void Lease::gave_up(std::chrono::microseconds waited, bool is_owed) noexcept {
  if (view_->clock == nullptr) return;
  LatencyAverage& latency = view_->snapshot->entries[index_].counters->latency_;
  const TimePoint now = view_->clock->now();
  const float known = latency.at(now, true);
  // That somebody was impatient must not be all that is known of a target: it would seem fast.
  constexpr std::chrono::microseconds patience = std::chrono::milliseconds(100);
  if (known <= 0 && waited < patience) return;
  if (is_owed) return latency.at_least(waited, now);
  if (static_cast<float>(waited.count()) > known) latency.blend(std::min(waited, penalty), now);
}

void Lease::report(Outcome outcome, std::uint64_t bytes) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  TargetCounters& counters = *view_->snapshot->entries[index_].counters;
  counters.requests_.fetch_add(1, relaxed);
  add_bytes(bytes);

  if (outcome == Outcome::failure) {
    counters.failures_.fetch_add(1, relaxed);
    const std::uint32_t failing = counters.failing_.fetch_add(1, relaxed) + 1;
    const std::uint32_t limit = counters.eject_after_.load(relaxed);
    if (limit > 0 && failing >= limit) view_->snapshot->watch->suspect();
    return gave_up(penalty);
  }
  if (outcome != Outcome::success) return;
  // The common case is a read: a store would take the line from the other loops.
  if (counters.failing_.load(relaxed) != 0) counters.failing_.store(0, relaxed);
}

}  // namespace evenkeel
