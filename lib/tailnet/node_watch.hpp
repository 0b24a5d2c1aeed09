// The status of tailscaled's node, and each change of it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include <uv.h>

#include "net/uv_handle.hpp"
#include "tailnet/backoff.hpp"
#include "tailnet/local.hpp"
#include "tailnet/node_status.hpp"

namespace evenkeel::tailnet {

// Watches the bus, and asks for the status whenever that says that something has changed: the bus itself
// tells the changes only, and not all of what a status does. A bus that ends is watched again, for ever.
//
// Thread rule: the loop's thread.
class NodeWatch {
 public:
  // What is known now: the status, or why there is none. Not twice the same.
  using Changed = std::function<void(const LocalResult<NodeStatus>&)>;

  // `prefs_changed` comes when somebody has changed what the node is meant to do.
  NodeWatch(const LocalApi& api, Changed changed, std::function<void()> prefs_changed, Backoff backoff);

 private:
  void watch();
  void on_line(std::string_view line);
  void refresh();
  void on_status(LocalResult<LocalResponse> result);
  void fail(LocalApiError error);
  void tell(LocalResult<NodeStatus> status);

  LocalApi api_;
  Changed changed_;
  std::function<void()> prefs_changed_;
  Backoff backoff_;
  std::optional<NodeStatus> known_;
  std::string failure_;  // that was told last
  bool stale_ = false;   // something has changed since the status was asked for
  bool asking_ = false;
  LocalCall bus_;
  LocalCall call_;
  net::UvHandle<uv_timer_t> timer_;
};

}  // namespace evenkeel::tailnet
