// One connection to a target.
#pragma once

#include <cstdint>

#include "evenkeel/error.hpp"

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "net/connection.hpp"
#include "net/reactor.hpp"
#include "net/timeouts.hpp"
#include "proxy/target_addresses.hpp"

namespace evenkeel::proxy {

class UpstreamGroup;
class UpstreamPool;

struct IdleUpstream;  // list tags

// Whoever a connection is lent to.
class UpstreamUser {
 public:
  virtual void on_upstream_connected() noexcept = 0;
  // It could not be made, or broke while nobody read. The connection has ended.
  virtual void on_upstream_failed(const Error& error) noexcept = 0;
  virtual void on_upstream_readable() noexcept = 0;
  virtual void on_upstream_partly_sent() noexcept = 0;
  virtual void on_upstream_drained() noexcept = 0;
  // It takes nothing any more: what was kept for sending is gone, and the next write will fail. It may
  // still hold bytes that came before: reading will tell.
  virtual void on_upstream_broken() noexcept = 0;

 protected:
  ~UpstreamUser() = default;
};

// Made by UpstreamPool::connect(); ends itself with end(), stays readable as an object until the
// current event is over.
class UpstreamConnection final : public net::Connection,
                                 public net::Mortal,
                                 public net::Task,
                                 public base::ListNode<IdleUpstream>,
                                 public AddressWaiter {
 public:
  UpstreamConnection(UpstreamPool& pool, UpstreamGroup& group, UpstreamUser& user, std::uint16_t port_offset);
  ~UpstreamConnection() override;

  // Closes; with `cut` so that the target sees a reset: it must not take what it got for a whole
  // request. Idempotent.
  void end(bool cut = false) noexcept;

  // The start of a response head that has not come whole.
  [[nodiscard]] base::Buffer& partial_head() noexcept { return partial_head_; }

 private:
  friend class UpstreamPool;

  void start() noexcept;  // the group has addresses
  void try_next_address() noexcept;
  void after_connect() noexcept;
  void look_while_idle() noexcept;
  void fail_later(const Error& error) noexcept;
  void on_timeout() noexcept;

  void on_addresses(const Error* failure) noexcept override;
  void run() noexcept override;
  void on_connect() noexcept override;
  void on_secured() noexcept override;
  void on_insecure() noexcept override;
  void on_readable() noexcept override;
  void on_partly_sent() noexcept override;
  void on_drained() noexcept override;
  void on_failed() noexcept override;

  UpstreamPool& pool_;
  UpstreamGroup& group_;
  UpstreamUser* user_;    // nullptr while idle
  net::Timeout timeout_;  // connecting, or idle
  base::Buffer partial_head_;
  Error error_{};
  std::uint64_t idle_since_turn_ = 0;
  std::uint32_t next_address_ = 0;
  std::uint16_t port_offset_;  // from the target's first port
  bool connected_ = false;     // and secured, where the target is https
  bool ended_ = false;
};

}  // namespace evenkeel::proxy
