// Connections to targets: made, lent to one exchange at a time, kept while idle.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/target.hpp"

#include "base/intrusive_list.hpp"
#include "net/address.hpp"
#include "net/reactor.hpp"
#include "net/tls_client.hpp"
#include "pool/snapshot.hpp"
#include "proxy/target_addresses.hpp"
#include "proxy/upstream_connection.hpp"

namespace evenkeel::proxy {

// What one loop knows of one target: where it is, and the idle connections to it.
class UpstreamGroup {
 public:
  UpstreamGroup(UpstreamPool& pool, const Target& target);
  UpstreamGroup(const UpstreamGroup&) = delete;
  UpstreamGroup& operator=(const UpstreamGroup&) = delete;

  // The Host for a client that named none.
  [[nodiscard]] const std::string& authority() const noexcept { return authority_; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }

 private:
  friend class UpstreamPool;
  friend class UpstreamConnection;

  UpstreamPool& pool_;
  std::string authority_;
  std::string id_;
  TargetAddresses addresses_;
  std::optional<net::TlsPeer> tls_peer_;  // of an https target
  net::TlsConnector::SessionSlot tls_session_;
  bool usable_ = true;                                          // scratch of keep_only()
  base::IntrusiveList<UpstreamConnection, IdleUpstream> idle_;  // the last used first
  std::uint32_t idle_count_ = 0;
  std::uint32_t connections_ = 0;
};

// Thread rule: one per proxy and loop. Holds at most UpstreamOptions::max_idle idle connections a
// target; busy ones are bounded by the number of client connections.
class UpstreamPool {
 public:
  UpstreamPool(net::Reactor& reactor, const UpstreamOptions& options,
               std::chrono::milliseconds connect_timeout,
               std::shared_ptr<const TlsClient> target_tls = nullptr)
      : reactor_(reactor),
        options_(options),
        connect_timeout_(connect_timeout),
        tls_connector_(std::move(target_tls)) {}

  // nullptr when memory is out.
  UpstreamGroup* group(TargetKey key, const Target& target) noexcept;

  // The idle connection used last, ready for `user`; nullptr when there is none. Call it at the end of a
  // turn: then a connection on which the target has hung up, or has sent what would be taken for the
  // answer, has been told so and is not idle any more.
  UpstreamConnection* take_idle(UpstreamGroup& group, UpstreamUser& user) noexcept;
  // A new connection: on_upstream_connected() or on_upstream_failed() of the user follows, never
  // before this returns. nullptr when memory is out: then neither does.
  // To the port that stands `port_offset` behind the target's first.
  UpstreamConnection* connect(UpstreamGroup& group, UpstreamUser& user,
                              std::uint16_t port_offset = 0) noexcept;
  // Takes a connection back: keeps it when it may be used again and there is room, else closes it.
  void give_back(UpstreamConnection& connection) noexcept;

  // Closes the idle connections to targets that get no new work, or whose certificate is to be judged
  // otherwise now.
  void keep_only(const PoolSnapshot& snapshot) noexcept;
  void close_idle() noexcept;

  [[nodiscard]] std::uint32_t open() const noexcept { return open_; }
  [[nodiscard]] std::uint32_t idle() const noexcept { return idle_; }

 private:
  friend class UpstreamConnection;
  friend class UpstreamGroup;

  void forget_idle(UpstreamConnection& connection) noexcept;
  void close_idle(UpstreamGroup& group) noexcept;
  void adopt_tls(UpstreamGroup& group, const Target& target) noexcept;

  net::Reactor& reactor_;
  const UpstreamOptions& options_;
  std::chrono::milliseconds connect_timeout_;
  net::TlsConnector tls_connector_;
  std::unordered_map<TargetKey, std::unique_ptr<UpstreamGroup>> groups_;
  std::uint32_t open_ = 0;
  std::uint32_t idle_ = 0;
};

}  // namespace evenkeel::proxy
