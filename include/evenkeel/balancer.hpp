// Picks targets for one loop, and the lease that each pick returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "evenkeel/clock.hpp"
#include "evenkeel/counters.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/target_pool.hpp"

namespace evenkeel {

struct BalancerView;  // one adopted snapshot; counted per loop, without atomics

// One pick: holds the target's in-flight count until it is destroyed or release()d. Movable, not
// copyable; no allocation.
//
// Thread rule: lives and dies on its balancer's loop. It may outlive the Balancer and the removal of
// its target from the pool: what it points to stays valid.
class EVENKEEL_API Lease {
 public:
  Lease() noexcept = default;
  Lease(Lease&& other) noexcept { swap(other); }
  Lease& operator=(Lease&& other) noexcept {
    Lease(std::move(other)).swap(*this);
    return *this;
  }
  ~Lease() { release(); }

  [[nodiscard]] explicit operator bool() const noexcept { return view_ != nullptr; }
  // Preconditions of the three: the lease holds a target.
  [[nodiscard]] const Target& target() const noexcept;
  [[nodiscard]] TargetKey key() const noexcept;
  // target_token() of the target, without working it out.
  [[nodiscard]] std::uint64_t token() const noexcept;

  // The first byte of the answer is there, `waited` after the target had all that it needs for it: the time
  // that a client takes to send is not the target's. Where the strategy looks at latencies it feeds their
  // average, otherwise it does nothing. Call it as soon as it is known, and once. O(1).
  void answered(std::chrono::microseconds waited, AnswerKind kind = AnswerKind::good) noexcept;
  // Instead, when nobody waits any longer, and has waited so long: the answer would have taken longer. Where
  // nobody can tell whether one `is_owed`, it weighs as an error does, and no more than that. O(1).
  void gave_up(std::chrono::microseconds waited, bool is_owed = true) noexcept;
  // How it went; call it once, when it is known. Feeds outlier ejection; a failure also counts as an answer
  // that took a second at least, or a target that fails at once would look like the fastest of all. O(1).
  void report(Outcome outcome, std::uint64_t bytes = 0) noexcept;
  // Counts bytes of work that goes on after its outcome was reported. O(1).
  void add_bytes(std::uint64_t bytes) noexcept;
  // Gives the in-flight count back. Idempotent.
  void release() noexcept;

  void swap(Lease& other) noexcept {
    std::swap(view_, other.view_);
    std::swap(index_, other.index_);
  }

 private:
  friend class Balancer;
  Lease(BalancerView* view, std::uint32_t index) noexcept;
  // Holds nothing when the target has `limit` in flight already.
  static Lease below(BalancerView* view, std::uint32_t index, std::uint32_t limit) noexcept;

  BalancerView* view_ = nullptr;
  std::uint32_t index_ = 0;
};

// Thread rule: one per loop, used on that loop only. The pool may live on another thread and must
// outlive the balancer (not its leases).
class EVENKEEL_API Balancer {
 public:
  // The clock must outlive the balancer and its leases. Without one: SteadyClock.
  Balancer(const TargetPool& pool, std::unique_ptr<Strategy> strategy);
  Balancer(const TargetPool& pool, std::unique_ptr<Strategy> strategy, const Clock& clock);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // context.prefer if that may be used, else the next target by the strategy, or no_target when none may be
  // used. Targets in context.exclude are passed over unless none other remains. With context.max_in_flight a
  // target that has that many leases in the process is never picked: the ones behind the strategy's choice
  // are tried in order, and when all that are not excluded are full the error is over_limit. Follows the pool
  // by itself: one atomic load when nothing changed, else refresh(). Otherwise no allocation, no lock.
  // Without the memory to adopt a change it goes on with what it has, and tries again at the next pick.
  [[nodiscard]] Result<Lease> pick(const PickContext& context = {}) noexcept;

  // Adopts the pool's newest snapshot now, off the request path: O(targets) plus the strategy's
  // rebuild(). Nothing to do when it is current. Throws std::bad_alloc.
  void refresh();

  // How many targets new work can go to.
  [[nodiscard]] std::size_t usable() const noexcept;
  [[nodiscard]] std::string_view strategy() const noexcept;

 private:
  void try_refresh() noexcept;
  Result<Lease> pick_below_limit(PickContext context) noexcept;
  std::size_t ask(std::span<const Candidate> candidates, PickContext context) noexcept;

  const TargetPool& pool_;
  std::unique_ptr<Strategy> strategy_;
  const Clock* clock_;  // null: the strategy does not look at latencies
  BalancerView* view_ = nullptr;
  bool strategy_ready_ = true;  // false: its rebuild() failed, so it cannot be asked
  std::size_t turn_ = 0;        // who is next while it cannot
};

}  // namespace evenkeel
