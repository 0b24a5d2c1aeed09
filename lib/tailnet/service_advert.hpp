// Tailscale Services that this node advertises, or does not: told to tailscaled.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "net/uv_handle.hpp"
#include "tailnet/backoff.hpp"
#include "tailnet/local.hpp"
#include "tailnet/serve_config.hpp"

namespace evenkeel::tailnet {

struct ServiceAdvertOptions {
  std::chrono::milliseconds first_retry{1'000};  // doubled after each failure in a row
  std::chrono::milliseconds last_retry{60'000};
  unsigned conflicts = 5;  // changes by others that a round puts up with before it counts as a failure
};

// Says what is wanted, and works towards it: one round at a time, each with what was wanted last, so a
// pool that flaps does not race itself. All services of one tailscaled belong in one of these: the list of
// what is advertised can only be read, changed and written back as a whole, without a condition.
//
// Withdrawing takes a service off that list and leaves its forwarding as it is: connections that are
// under way go on (that is how Tailscale drains).
//
// Thread rule: the loop's thread. Destroying it stops what is under way; what was advertised stays so.
class ServiceAdvert {
 public:
  // After each round that ended: nothing, or why it failed; it is tried again by itself.
  using Report = std::function<void(LocalResult<void>)>;

  // invalid_argument shows in the report. `report` must not destroy this.
  ServiceAdvert(const LocalApi& api, Report report, ServiceAdvertOptions options = {});

  // Each takes effect in the next round, which begins in this call unless one is under way. Idempotent.
  void advertise(const Service& service);
  void withdraw(std::string_view name);
  // Somebody may have changed what tailscaled has: look again, even when nothing else is wanted.
  void check();

  // tailscaled has what is wanted.
  [[nodiscard]] bool settled() const noexcept { return !busy_ && !dirty_; }

 private:
  struct Wanted {
    Service service;
    bool advertised = false;
  };

  Wanted& wanted(std::string_view name);
  void changed();
  void begin_round();
  void read_config();
  void write_config(std::string etag, std::string config);
  void read_prefs();
  void write_prefs(std::string patch);
  void send(const LocalRequest& request, std::function<void(LocalResponse)> next);
  void refuse(std::string text);
  void end_round(LocalResult<void> result);
  void retry_later();

  LocalApi api_;
  Report report_;
  ServiceAdvertOptions options_;
  Backoff backoff_;
  std::vector<Wanted> wanted_;
  // Of the round under way: what was wanted when it began.
  std::vector<Service> services_;
  std::vector<std::string> add_;
  std::vector<std::string> remove_;
  unsigned conflicts_ = 0;
  bool busy_ = false;
  bool dirty_ = false;  // something is wanted that no round under way has seen
  LocalCall call_;
  net::UvHandle<uv_timer_t> timer_;
};

}  // namespace evenkeel::tailnet
