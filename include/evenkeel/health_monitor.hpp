// Finds out which targets of a pool can be trusted: active checks and live traffic.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/clock.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/proxy_version.hpp"
#include "evenkeel/target_pool.hpp"
#include "evenkeel/tls.hpp"

struct uv_loop_s;

namespace evenkeel {

enum class CheckType : std::uint8_t { none, tcp, http, udp };

struct StatusRange {
  int first = 200;
  int last = 399;
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// Active checks. The first verdict on a new target decides at once; after that `rise` and `fall`
// consecutive results are needed to change it.
struct HealthOptions {
  std::string name;  // of what is checked, for logs: two ports may share a target
  CheckType type = CheckType::tcp;
  std::chrono::milliseconds interval{5'000};  // from the end of one check to the start of the next
  std::chrono::milliseconds timeout{2'000};   // of one whole check
  unsigned rise = 2;
  unsigned fall = 3;
  unsigned jitter_percent = 10;       // each wait is drawn from interval +- this much
  unsigned max_concurrent = 16;       // checks under way at once in this monitor; the others wait
  std::optional<std::uint16_t> port;  // check this port instead of the target's
  // What a check of the target's own port says first: a target that waits for a PROXY header does not talk
  // before. It names the check's own two ends. Not UDP.
  ProxyVersion proxy_protocol = ProxyVersion::none;
  // TCP and UDP only: bytes to send once connected, and bytes that must then be found in the answer,
  // within its first 4,096. Neither with TCP: being connected is enough. UDP without `receive`: any answer
  // will do; without `send` either: an empty datagram is sent, and a target passes unless the kernel is
  // told that its port is closed (ICMP) within half the time-out, since nobody has to answer that.
  std::string send = {};
  std::string receive = {};
  // HTTP only:
  std::string method = "GET";
  std::string path = "/";
  std::string host;  // Host header; the target's authority when empty
  std::vector<StatusRange> expect{StatusRange{}};
  std::shared_ptr<const TlsClient> tls;  // how https targets are trusted; by the system's CAs without one
  friend bool operator==(const HealthOptions&, const HealthOptions&) = default;
};

// Passive checks: what live traffic says.
struct OutlierOptions {
  unsigned consecutive_failures = 5;  // 0 turns ejection off
  std::chrono::milliseconds base_ejection{30'000};
  std::chrono::milliseconds max_ejection{300'000};
  unsigned max_ejected_percent = 50;  // at least one may be ejected; the last usable target never is
  friend bool operator==(const OutlierOptions&, const OutlierOptions&) = default;
};

struct HealthEvent {
  TargetKey key = 0;
  std::string_view target;  // id
  Health from = Health::unknown;
  Health to = Health::unknown;
  std::string_view reason;  // "connect_refused", "status 500", "5 consecutive failures", ...
};

// A check of the embedder's own: see HealthMonitor's constructor.
class EVENKEEL_API HealthCheck {
 public:
  // nullopt: the target passed. The string is the reason of a failure.
  using Done = std::function<void(std::optional<std::string> failure)>;

  virtual ~HealthCheck() = default;
  // Begins one check and returns; calls `done` exactly once on the monitor's loop, at the latest
  // after `timeout`, unless the check is destroyed first (then it must not call it any more).
  virtual void start(const Target& target, std::chrono::milliseconds timeout, Done done) = 0;
};
using HealthCheckMaker = std::function<std::unique_ptr<HealthCheck>()>;

// Thread rule: on the pool's thread, which runs `loop`.
// Lifetime: loop, pool, clock and log must outlive it. Its handles close asynchronously: after
// close() run the loop until the callback came, then destroy it.
class EVENKEEL_API HealthMonitor {
 public:
  // `seed` makes jitter repeatable. With `check` the embedder's own check replaces the built-in
  // one; interval, timeout, rise, fall and jitter still apply.
  HealthMonitor(uv_loop_s* loop, TargetPool& pool, const HealthOptions& options, OutlierOptions outlier,
                const Clock& clock, LogSink& log, std::uint64_t seed, HealthCheckMaker check = {});
  ~HealthMonitor();
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // Starts checking every target of the pool, and those that join later.
  Result<void> start();
  // Stops all checks; `closed` comes from the loop once every handle is gone. Idempotent.
  void close(std::function<void()> closed);

  // Told of every change, after the pool has published it.
  void on_change(std::function<void(const HealthEvent&)> listener);
  // Comes once, from the loop, when every target that the pool had at start() has its first
  // verdict. At once when there is nothing to check.
  void on_first_round(std::function<void()> listener);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
