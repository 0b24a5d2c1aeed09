// What all health checks over a socket have in common: finding the target and connecting to it.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/health_monitor.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"
#include "net/resolver.hpp"
#include "net/socket.hpp"
#include "net/uv_handle.hpp"
#include "pool/monitor_core.hpp"

namespace evenkeel::proxy {

// Finds the target's addresses, connects to the first that answers, and leaves the rest to the kind
// of check. Of a range of ports the first is checked. The monitor destroys a check that takes too long,
// which ends everything it has under way.
//
// `done` may come from within start(), and always comes with the socket closed; the object must
// outlive that call.
class SocketCheck : public pool::TellingCheck {
 public:
  // `options` must outlive it.
  SocketCheck(uv_loop_t* loop, const HealthOptions& options) noexcept : loop_(loop), options_(options) {}

  void start(const Target& target, std::chrono::milliseconds timeout, Done done) final;

  [[nodiscard]] bool our_fault() const noexcept override { return our_fault_; }

 protected:
  // A connection that is under way, or done.
  virtual Result<net::Connecting> connect(const net::SocketAddress& address) {
    return net::connect_stream(address);
  }
  virtual void on_connected() = 0;
  // What was asked for with wait_for(), or an error, which stops the waiting: ask again to go on.
  virtual void on_ready() = 0;

  [[nodiscard]] uv_loop_t* loop() const noexcept { return loop_; }
  [[nodiscard]] const HealthOptions& options() const noexcept { return options_; }
  // The time-out that start() was given, less what has passed of it.
  [[nodiscard]] std::chrono::nanoseconds time_left() const noexcept;
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  // By errno: nothing is wrong, there is nothing to read or no room to write now.
  [[nodiscard]] static bool must_wait() noexcept { return net::would_block(errno) || errno == EINTR; }
  // As the pool has it: its port may not be the one that is checked.
  [[nodiscard]] const Target& target() const noexcept { return target_; }
  void wait_for(int uv_events);
  void pass() { finish(std::nullopt); }
  void fail(std::string reason) { finish(std::move(reason)); }
  // This address was a failure; the next one may not be.
  void fail_here(const Error& error);

 private:
  void connect_next();
  void introduce();
  void on_poll();
  void fail_with(const Error& error);
  void finish(std::optional<std::string> failure);

  uv_loop_t* loop_;
  const HealthOptions& options_;
  std::uint64_t deadline_ns_ = 0;  // of uv_hrtime()
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

}  // namespace evenkeel::proxy
