#include "proxy/target_addresses.hpp"

#include <cerrno>
#include <new>
#include <utility>

namespace evenkeel::proxy {

TargetAddresses::State TargetAddresses::ask(AddressWaiter& waiter) noexcept {
  const bool known = !addresses_.empty();
  const std::uint64_t age_ms = reactor_.now_ms() - asked_at_ms_;
  if (!known && !lookup_.under_way() && asked_at_ms_ != 0 && age_ms < resolve_failed_ms) return State::failed;
  if ((!known || age_ms >= resolve_again_ms) && !lookup_.under_way()) look_up();
  if (!addresses_.empty()) return State::known;
  if (!lookup_.under_way()) return State::failed;
  waiting_.push_back(waiter);
  return State::waiting;
}

void TargetAddresses::look_up() noexcept {
  asked_at_ms_ = reactor_.now_ms();
  is_starting_ = true;
  try {
    lookup_ =
        net::Lookup::start(reactor_.loop(), target_, [this](auto found) { on_resolved(std::move(found)); });
  } catch (const std::bad_alloc&) {
    on_resolved(std::unexpected(Error{ErrorCode::resolve_failed, Fault::us, true, ENOMEM}));
  }
  is_starting_ = false;
}

void TargetAddresses::on_resolved(Result<std::vector<net::SocketAddress>> found) noexcept {
  // A failed look-up keeps the last good addresses. One that only lacked memory says nothing of the name:
  // the next one who asks starts another.
  if (found) addresses_ = std::move(*found);
  if (!found && found.error().os_error == ENOMEM) asked_at_ms_ = 0;
  while (AddressWaiter* waiter = waiting_.front()) {
    waiter->unlink();
    waiter->on_addresses(addresses_.empty() ? &found.error() : nullptr);
  }
  if (!is_starting_) reactor_.end_event();
}

}  // namespace evenkeel::proxy
