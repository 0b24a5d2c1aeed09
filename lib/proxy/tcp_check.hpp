// Health checks over a stream socket: can the target be connected?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/health_monitor.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"
#include "net/resolver.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::proxy {

// Finds the target's addresses, connects to the first that answers, and leaves the rest to the kind
// of check. Keeps no time of its own: the monitor destroys a check that takes too long, which ends
// everything it has under way.
//
// `done` may come from within start(), and always comes with the socket closed; the object must
// outlive that call.
class SocketCheck : public HealthCheck {
 public:
  SocketCheck(uv_loop_t* loop, std::optional<std::uint16_t> port) noexcept : loop_(loop), port_(port) {}

  void start(const Target& target, std::chrono::milliseconds timeout, Done done) final;

  // After a failure: it was ours (no descriptors left), so it says nothing about the target.
  [[nodiscard]] bool our_fault() const noexcept { return our_fault_; }

 protected:
  virtual void on_connected() = 0;
  virtual void on_ready() = 0;  // what was asked for with wait_for()

  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  // As the pool has it: its port may not be the one that is checked.
  [[nodiscard]] const Target& target() const noexcept { return target_; }
  void wait_for(int uv_events);
  void pass() { finish(std::nullopt); }
  void fail(std::string reason) { finish(std::move(reason)); }

 private:
  void connect_next();
  void on_poll();
  void fail_with(const Error& error);
  void finish(std::optional<std::string> failure);

  uv_loop_t* loop_;
  std::optional<std::uint16_t> port_;
  Target target_;
  Done done_;
  net::Lookup lookup_;
  std::vector<net::SocketAddress> addresses_;
  std::size_t next_address_ = 0;
  Error last_error_{ErrorCode::resolve_failed, Fault::target, true, 0};
  net::Fd fd_;
  net::UvHandle<uv_poll_t> poll_;  // after fd_: stopped before the descriptor closes
  bool connected_ = false;
  bool our_fault_ = false;
};

// Passes when the connection is made.
class TcpCheck final : public SocketCheck {
 public:
  using SocketCheck::SocketCheck;

 private:
  void on_connected() override { pass(); }
  void on_ready() override {}
};

}  // namespace evenkeel::proxy
