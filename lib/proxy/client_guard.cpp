#include "evenkeel/client_guard.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/hash.hpp"

namespace evenkeel {
namespace {

// Slots that one address may have, as in a set-associative cache.
constexpr std::size_t ways = 8;

constexpr std::int64_t ns_per_second = 1'000'000'000;

// Never 0, which marks a slot that nobody has had. Two addresses with the same 64 bits share a slot.
std::uint64_t client_of(std::span<const std::uint8_t> address, std::uint64_t seed) noexcept {
  std::uint64_t halves[2] = {};
  std::memcpy(halves, address.data(), std::min(address.size(), sizeof halves));
  const std::uint64_t hash = base::mix(base::mix(halves[0] ^ seed) ^ halves[1] ^ address.size());
  return hash | 1U;
}

}  // namespace

struct ClientGuard::Slot {
  std::uint64_t client = 0;
  std::uint32_t connections = 0;
  std::atomic<std::int64_t> full_at_ns{0};  // when its bucket is full again
};

ClientGuard::ClientGuard(const ClientLimits& limits, std::uint64_t seed, std::size_t slots)
    : seed_(seed),
      sets_(std::bit_ceil(std::max(slots, ways) / ways)),
      slots_(std::make_unique<Slot[]>(sets_ * ways)) {
  set_limits(limits);
}

ClientGuard::~ClientGuard() = default;

void ClientGuard::set_limits(const ClientLimits& limits) noexcept {
  requests_per_second_.store(limits.requests_per_second, std::memory_order_relaxed);
  burst_.store(limits.burst != 0 ? limits.burst : limits.requests_per_second, std::memory_order_relaxed);
  connections_.store(limits.connections, std::memory_order_relaxed);
}

// Its own slot, else the one that it takes over: of those without a connection, the one whose bucket has
// been full for longest, so that the least is forgotten. nullptr when all have connections.
ClientGuard::Slot* ClientGuard::find(std::uint64_t client) noexcept {
  Slot* const set = slots_.get() + (client >> 1U) % sets_ * ways;
  Slot* best = nullptr;
  for (Slot* slot = set; slot != set + ways; ++slot) {
    if (slot->client == client) return slot;
    if (slot->connections != 0) continue;
    const auto full_at = [](const Slot& s) { return s.full_at_ns.load(std::memory_order_relaxed); };
    if (best == nullptr || full_at(*slot) < full_at(*best)) best = slot;
  }
  if (best != nullptr) {
    best->client = client;
    best->full_at_ns.store(0, std::memory_order_relaxed);
  }
  return best;
}

bool ClientGuard::enter(std::span<const std::uint8_t> address, Seat& seat) noexcept {
  const std::uint64_t client = client_of(address, seed_);
  const std::lock_guard lock(mutex_);
  Slot* slot = find(client);
  if (slot == nullptr) return true;
  const std::uint32_t most = connections_.load(std::memory_order_relaxed);
  if (most != 0 && slot->connections >= most) return false;
  ++slot->connections;
  seat.guard_ = this;
  seat.slot_ = static_cast<std::size_t>(slot - slots_.get());
  return true;
}

std::chrono::nanoseconds ClientGuard::take(const Seat& seat, std::chrono::nanoseconds now) noexcept {
  const std::uint32_t rate = requests_per_second_.load(std::memory_order_relaxed);
  if (rate == 0 || seat.guard_ == nullptr) return {};
  const std::int64_t refill = ns_per_second / rate;
  const std::int64_t burst = std::max(1U, burst_.load(std::memory_order_relaxed));
  const std::int64_t room = refill * (burst - 1);
  std::atomic<std::int64_t>& full_at = slots_[seat.slot_].full_at_ns;
  std::int64_t before = full_at.load(std::memory_order_relaxed);
  for (;;) {
    // A debt of an older rate is at most a whole burst at this one, from now on.
    const std::int64_t most = now.count() + refill * burst;
    if (before > most) {
      if (full_at.compare_exchange_weak(before, most, std::memory_order_relaxed)) before = most;
      continue;
    }
    const std::int64_t base = std::max(before, now.count());
    const std::int64_t wait = base - now.count() - room;
    if (wait > 0) return std::chrono::nanoseconds(wait);
    if (full_at.compare_exchange_weak(before, base + refill, std::memory_order_relaxed)) return {};
  }
}

ClientGuard::Seat::Seat(Seat&& other) noexcept
    : guard_(std::exchange(other.guard_, nullptr)), slot_(other.slot_) {}

ClientGuard::Seat& ClientGuard::Seat::operator=(Seat&& other) noexcept {
  std::swap(guard_, other.guard_);
  std::swap(slot_, other.slot_);
  other.leave();
  return *this;
}

void ClientGuard::Seat::leave() noexcept {
  ClientGuard* guard = std::exchange(guard_, nullptr);
  if (guard == nullptr) return;
  const std::lock_guard lock(guard->mutex_);
  --guard->slots_[slot_].connections;
}

}  // namespace evenkeel
