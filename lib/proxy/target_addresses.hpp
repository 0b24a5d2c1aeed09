// Where a target is: its addresses, looked up again now and then.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/target.hpp"

#include "base/intrusive_list.hpp"
#include "net/address.hpp"
#include "net/reactor.hpp"
#include "net/resolver.hpp"

namespace evenkeel::proxy {

// Whoever needs an address that is being looked up.
class AddressWaiter : public base::ListNode<AddressWaiter> {
 public:
  // `failure` is null when there are addresses now.
  virtual void on_addresses(const Error* failure) noexcept = 0;

 protected:
  ~AddressWaiter() = default;
};

// Thread rule: the reactor's loop.
class TargetAddresses {
 public:
  // Names are looked up again after this long; until the answer comes the old addresses serve.
  static constexpr std::uint64_t resolve_again_ms = 30'000;
  // A name that has no address yet is not looked up by every request.
  static constexpr std::uint64_t resolve_failed_ms = 1'000;

  TargetAddresses(net::Reactor& reactor, Target target) : reactor_(reactor), target_(std::move(target)) {}
  TargetAddresses(const TargetAddresses&) = delete;
  TargetAddresses& operator=(const TargetAddresses&) = delete;

  enum class State : std::uint8_t { known, waiting, failed };
  // Begins a look-up when one is due. When `waiting`, the waiter is told of its outcome, never before this
  // returns; it may stop waiting by unlinking itself.
  State ask(AddressWaiter& waiter) noexcept;

  // In the order of preference of RFC 6724.
  [[nodiscard]] std::span<const net::SocketAddress> list() const noexcept { return addresses_; }
  [[nodiscard]] bool is_looking_up() const noexcept { return lookup_.under_way(); }

 private:
  void look_up() noexcept;
  void on_resolved(Result<std::vector<net::SocketAddress>> found) noexcept;

  net::Reactor& reactor_;
  Target target_;
  std::vector<net::SocketAddress> addresses_;
  std::uint64_t asked_at_ms_ = 0;
  net::Lookup lookup_;
  bool is_starting_ = false;  // an answer that comes now comes from within the call
  base::IntrusiveList<AddressWaiter> waiting_;
};

}  // namespace evenkeel::proxy
