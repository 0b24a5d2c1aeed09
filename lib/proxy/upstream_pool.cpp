#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "net/socket.hpp"

namespace evenkeel::proxy {

UpstreamGroup::UpstreamGroup(UpstreamPool& pool, const Target& target)
    : pool_(pool), authority_(target.authority()), id_(target.id()), addresses_(pool.reactor_, target) {
  if (target.scheme == Scheme::https) tls_peer_ = net::TlsPeer::of(target);
}

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
    if ((unheard || connection->has_news()) && !connection->is_quiet()) {
      connection->end();
      continue;
    }
    connection->user_ = &user;
    return connection;
  }
  return nullptr;
}

UpstreamConnection* UpstreamPool::connect(UpstreamGroup& group, UpstreamUser& user,
                                          std::uint16_t port_offset) noexcept {
  // Owned by itself from here on: it ends with end().
  auto* made = new (std::nothrow) UpstreamConnection(*this, group, user, port_offset);
  if (made == nullptr) return nullptr;
  switch (group.addresses_.ask(*made)) {
    case TargetAddresses::State::known:
      made->start();
      break;
    case TargetAddresses::State::waiting:
      // The connect time-out covers the look-up too: a dead name server must not hang a request.
      reactor_.timeouts().set(made->timeout_, connect_timeout_);
      break;
    case TargetAddresses::State::failed:
      made->fail_later({ErrorCode::resolve_failed, Fault::target, true, 0});
      break;
  }
  return made;
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

void UpstreamPool::adopt_tls(UpstreamGroup& group, const Target& target) noexcept {
  if (!group.tls_peer_) return;
  try {
    net::TlsPeer peer = net::TlsPeer::of(target);
    if (peer == *group.tls_peer_) return;
    group.tls_peer_ = std::move(peer);
  } catch (const std::bad_alloc&) {
    return;  // the next change of the pool tries again
  }
  group.tls_session_.reset();
  close_idle(group);
}

void UpstreamPool::keep_only(const PoolSnapshot& snapshot) noexcept {
  for (auto& [key, group] : groups_) group->usable_ = false;
  for (const std::uint32_t index : snapshot.eligible) {
    const PoolSnapshot::Entry& entry = snapshot.entries[index];
    const auto found = groups_.find(entry.key);
    if (found == groups_.end()) continue;
    found->second->usable_ = true;
    adopt_tls(*found->second, *entry.target);
  }
  for (auto& [key, group] : groups_) {
    if (!group->usable_) close_idle(*group);
  }
  std::erase_if(groups_, [](const auto& entry) {
    const UpstreamGroup& group = *entry.second;
    return !group.usable_ && group.connections_ == 0 && !group.addresses_.is_looking_up();
  });
}

}  // namespace evenkeel::proxy
