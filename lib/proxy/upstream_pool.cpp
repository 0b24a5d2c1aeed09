#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::proxy {

UpstreamGroup::UpstreamGroup(UpstreamPool& pool, const Target& target)
    : pool_(pool), target_(target), authority_(target.authority()), id_(target.id()) {}

UpstreamGroup* UpstreamPool::group(TargetKey key, const Target& target) noexcept {
  if (const auto found = groups_.find(key); found != groups_.end()) return found->second.get();
  try {
    return groups_.emplace(key, std::make_unique<UpstreamGroup>(*this, target)).first->second.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

UpstreamConnection* UpstreamPool::take_idle(UpstreamGroup& group, UpstreamUser& user) noexcept {
  while (UpstreamConnection* connection = group.idle_.front()) {
    forget_idle(*connection);
    connection->timeout_.cancel();
    // Given back in this very turn: what the kernel has to say of it since was not asked for yet.
    const bool unheard = connection->idle_since_turn_ == reactor_.turn();
    if ((unheard || connection->has_news()) && !net::is_quiet(connection->descriptor())) {
      connection->end();
      continue;
    }
    connection->user_ = &user;
    return connection;
  }
  return nullptr;
}

UpstreamConnection* UpstreamPool::connect(UpstreamGroup& group, UpstreamUser& user) noexcept {
  // Owned by itself from here on: it ends with end().
  auto* made = new (std::nothrow) UpstreamConnection(*this, group, user);
  if (made == nullptr) return nullptr;
  UpstreamConnection& connection = *made;
  const bool known = !group.addresses_.empty();
  const std::uint64_t age_ms = reactor_.now_ms() - group.resolved_at_ms_;
  const bool old = age_ms >= resolve_again_ms;
  if (!known && !group.lookup_.under_way() && group.resolved_at_ms_ != 0 && age_ms < resolve_failed_ms) {
    connection.fail_later({ErrorCode::resolve_failed, Fault::target, true, 0});
    return made;
  }
  if (!known) {
    // The connect time-out covers the look-up too: a dead name server must not hang a request.
    reactor_.timeouts().set(connection.timeout_, connect_timeout_);
    group.waiting_.push_back(connection);
  }
  if ((!known || old) && !group.lookup_.under_way()) resolve(group);
  if (known) connection.start();
  return made;
}

void UpstreamPool::resolve(UpstreamGroup& group) noexcept {
  group.resolved_at_ms_ = reactor_.now_ms();
  group.lookup_starting_ = true;
  try {
    group.lookup_ = net::Lookup::start(reactor_.loop(), group.target_,
                                       [this, &group](auto found) { on_resolved(group, std::move(found)); });
  } catch (const std::bad_alloc&) {
    on_resolved(group, std::unexpected(Error{ErrorCode::resolve_failed, Fault::us, true, ENOMEM}));
  }
  group.lookup_starting_ = false;
}

void UpstreamPool::on_resolved(UpstreamGroup& group, Result<std::vector<net::SocketAddress>> found) noexcept {
  // A failed look-up keeps the last good addresses. One that only lacked memory says nothing of the name:
  // the next request asks again.
  if (found) group.addresses_ = std::move(*found);
  if (!found && found.error().os_error == ENOMEM) group.resolved_at_ms_ = 0;
  while (UpstreamConnection* waiting = group.waiting_.front()) {
    static_cast<base::ListNode<WaitingForAddress>*>(waiting)->unlink();
    if (group.addresses_.empty()) {
      waiting->fail_later(found.error());
    } else {
      waiting->start();
    }
  }
  if (!group.lookup_starting_) reactor_.end_event();
}

void UpstreamPool::give_back(UpstreamConnection& connection) noexcept {
  UpstreamGroup& group = connection.group_;
  if (group.idle_count_ >= options_.max_idle || connection.unsent() != 0 ||
      !connection.partial_head_.empty()) {
    return connection.end();
  }
  connection.user_ = nullptr;
  connection.idle_since_turn_ = reactor_.turn();
  connection.resume_reads();
  group.idle_.push_front(connection);
  ++group.idle_count_;
  ++idle_;
  reactor_.timeouts().set(connection.timeout_, options_.idle);
}

void UpstreamPool::forget_idle(UpstreamConnection& connection) noexcept {
  auto& node = static_cast<base::ListNode<IdleUpstream>&>(connection);
  if (!node.linked()) return;
  node.unlink();
  --connection.group_.idle_count_;
  --idle_;
}

void UpstreamPool::close_idle(UpstreamGroup& group) noexcept {
  while (UpstreamConnection* connection = group.idle_.front()) connection->end();
}

void UpstreamPool::close_idle() noexcept {
  for (auto& [key, group] : groups_) close_idle(*group);
}

void UpstreamPool::keep_only(const PoolSnapshot& snapshot) noexcept {
  for (auto& [key, group] : groups_) group->usable_ = false;
  for (const Candidate& candidate : snapshot.candidates) {
    const auto found = groups_.find(candidate.key);
    if (found != groups_.end()) found->second->usable_ = true;
  }
  for (auto& [key, group] : groups_) {
    if (!group->usable_) close_idle(*group);
  }
  std::erase_if(groups_, [](const auto& entry) {
    const UpstreamGroup& group = *entry.second;
    return !group.usable_ && group.connections_ == 0 && !group.lookup_.under_way();
  });
}

}  // namespace evenkeel::proxy
